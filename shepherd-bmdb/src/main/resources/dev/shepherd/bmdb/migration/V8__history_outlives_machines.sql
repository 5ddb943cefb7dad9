-- The history of a machine outlives it, and says whose machine it was: it is needed most when the machine is gone.

alter table work_history drop constraint work_history_machine_id_fkey;
alter table work_history add column provider text;
alter table work_history add column provider_id varchar(128);
-- Who asked for the work, and why, where a person did.
alter table work_history add column note text;

-- Machines that were forgotten, so that their history is found by the provider's id without an index that every claim
-- would have to write.
create table machines_forgotten (
    machine_id   uuid         not null primary key,
    provider     text,
    provider_id  varchar(128),
    forgotten_at timestamptz  not null,
    forgotten_by text         not null check (forgotten_by <> '')
);

create index machines_forgotten_by_provider_id on machines_forgotten (provider, provider_id);

-- The two functions that write history do so with the provider's names. Nothing else of them differs from before.

create or replace function work_claim(
    by_session uuid, of_process text, of_provider text, due_from timestamptz, most int, ahead interval)
    returns table (machine_id uuid, claim_id uuid, due_at timestamptz)
    language plpgsql set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    ids   uuid[];
    times timestamptz[];
begin
    -- It is asked for together with the proof that there is such a session, whatever that says.
    perform 1 from sessions where session_id = by_session for key share;
    if not found then
        return;
    end if;
    select array_agg(c.machine_id), array_agg(c.due_at) into ids, times
    from (
        select d.machine_id, d.due_at
        from work_due d join machines m on m.machine_id = d.machine_id
        where d.process = of_process and d.provider = of_provider
          and d.due_at >= due_from and d.due_at <= now() + ahead
          and not exists (
              select 1 from pauses z
              -- Entries of a provider's machines hold the pauses of single machines already.
              where (z.machine_id is null or (of_provider = '' and z.machine_id = d.machine_id))
                and (z.process is null or z.process = of_process)
                and (z.paused_until is null or z.paused_until > now() + ahead)
                and (z.provider is null or z.provider = of_provider
                    or (of_provider = '' and exists (
                        select 1 from machine_provided p
                        where p.machine_id = d.machine_id and p.provider = z.provider))))
        order by d.due_at, d.machine_id limit most
        for no key update of m skip locked
    ) c;
    if ids is null then
        return;
    end if;
    return query
        with claimed as (
            insert into work (machine_id, session_id, process, work_started_at)
            select e.machine_id, by_session, e.process, clock_timestamp() + ahead
            from work_due_of(ids) e
            where e.process = of_process and e.provider = of_provider and e.due_at <= now() + ahead
            on conflict do nothing
            returning machine_id, process, work_started_at, claim_id
        ), recorded as (
            insert into work_history
                (machine_id, provider, provider_id, process, event, "timestamp", claim_id, session_id)
            select c.machine_id, p.provider, p.provider_id, c.process, 'Started', c.work_started_at, c.claim_id, by_session
            from claimed c left join machine_provided p on p.machine_id = c.machine_id
        )
        select i.machine_id, c.claim_id, i.due_at
        from unnest(ids, times) i (machine_id, due_at) left join claimed c on c.machine_id = i.machine_id;
end
$$;

create or replace function work_end(
    of_session uuid, machine_ids uuid[], claim_ids uuid[], events text[], causes text[], clear_backoffs boolean[],
    ahead interval)
    returns void
    language plpgsql set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
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
