-- Work that was lost with its session, in a row: docs/decisions/0017-machines-that-take-their-process-along.md. It is
-- counted where the backoff is, since that is what it leads to: what asks whether a machine is backed off needs to know
-- no more.
alter table work_backoff add column losses integer not null default 0 check (losses >= 0);
alter table work_backoff add column loss_interval_seconds bigint not null default 0 check (loss_interval_seconds >= 0);

-- A machine may be backed off before work on it has failed once. The next failure then is the first.
alter table work_backoff drop constraint work_backoff_last_interval_seconds_check;
alter table work_backoff add constraint work_backoff_last_interval_seconds_check check (last_interval_seconds >= 0);

-- An end that says something of the machine also ends its row of losses. What is given up says nothing. The rest is as
-- before.
create or replace function work_end(
    of_session uuid, machine_ids uuid[], claim_ids uuid[], events text[], causes text[], clear_backoffs boolean[],
    ahead interval)
    returns void
    language plpgsql set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    -- Asked first: an update would have its triggers run, whether it finds anything or not.
    if exists (select 1 from work_backoff b where b.machine_id = any (machine_ids) and b.losses > 0) then
        update work_backoff b set losses = 0, loss_interval_seconds = 0
        from unnest(machine_ids, claim_ids, events) e (machine_id, claim_id, event)
        join work w on w.machine_id = e.machine_id and w.claim_id = e.claim_id and (w.session_id = of_session) is true
        where e.event in ('Finished', 'Failed')
          and b.machine_id = w.machine_id and b.process = w.process and b.losses > 0;
    end if;
    with ending as (
        select * from unnest(machine_ids, claim_ids, events, causes, clear_backoffs)
            as e (machine_id, claim_id, event, cause, clears)
    ), ended as (
        delete from work w using ending e
        where w.machine_id = e.machine_id and w.claim_id = e.claim_id and (w.session_id = of_session) is true
        returning w.machine_id, w.process, w.claim_id, w.work_started_at, e.event, e.cause, e.clears
    ), cleared as (
        delete from work_backoff b using ended e
        where e.clears and b.machine_id = e.machine_id and b.process = e.process
    ), unscheduled as (
        delete from work_schedule s using ended e
        where e.event = 'Finished' and s.machine_id = e.machine_id and s.process = e.process
          and s.scheduled_at <= e.work_started_at
    )
    insert into work_history
        (machine_id, provider, provider_id, process, event, "timestamp", failed_cause, claim_id, session_id)
    select e.machine_id, p.provider, p.provider_id, e.process, e.event, clock_timestamp() + ahead, e.cause, e.claim_id,
        of_session
    from ended e left join machine_provided p on p.machine_id = e.machine_id;
end
$$;
