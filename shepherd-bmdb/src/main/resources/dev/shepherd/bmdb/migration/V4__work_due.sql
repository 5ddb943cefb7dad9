-- The queue of what is due: so that asking for work costs the same whatever the size of the fleet. docs/schema.md says
-- what it holds, docs/decisions/0007-the-due-queue.md why it is right. Transition tables need PostgreSQL 10 or newer.

-- What an embedder's own process is due for.
create table work_schedule (
    machine_id   uuid        not null references machines (machine_id) on delete cascade,
    process      text        not null check (process ~ '^[A-Z][A-Za-z0-9]{0,62}$')
        check (process not in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery')),
    due_at       timestamptz not null,
    scheduled_at timestamptz not null default clock_timestamp(),
    constraint work_schedule_machine_process_key primary key (machine_id, process)
);

-- One row for each machine that a process will have something to do on if nothing changes but the time, and since when
-- or from when on. Written by the functions below, and by nobody else. It needs no foreign key: what it is derived from
-- has one.
create table work_due (
    machine_id uuid        not null,
    process    text        not null,
    provider   text        not null,
    due_at     timestamptz not null,
    constraint work_due_machine_process_key primary key (machine_id, process)
);

create index work_due_next on work_due (process, provider, due_at, machine_id);

-- Rows come and go: what is dead is looked at again by each claim until it is vacuumed.
alter table work_due set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
alter table work set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- What the queue has to hold. A machine that is paused for good is due at infinity. A machine that may have to be brought
-- back is due at once, since the spans of silence are a setting of the recoverers, which then put it off.
create view work_due_expected as
select p.machine_id, d.process, p.provider, greatest(d.since, b.until, z.until) as due_at
from machine_provided p
join machines m on m.machine_id = p.machine_id
cross join lateral (
    select exists (select 1 from machine_agent_started s where s.machine_id = p.machine_id) as is_started
) a
cross join lateral (
    select 'ShepherdAgentStart'::text as process, m.machine_created_at as since
    where not a.is_started
    union all
    select 'ShepherdRecovery', '-infinity'
    where a.is_started
       or exists (select 1 from machine_unreachable u where u.machine_id = p.machine_id)
       or exists (
           select 1 from machine_recovery r where r.machine_id = p.machine_id and r.recovery_proved_at is null)
) d
left join work_backoff b on b.machine_id = p.machine_id and b.process = d.process
left join lateral (
    select max(coalesce(z.paused_until, 'infinity')) as until
    from pauses z
    where z.machine_id = p.machine_id
      and (z.provider is null or z.provider = p.provider)
      and (z.process is null or z.process = d.process)
) z on true
where (p.provider_status is null or p.provider_status not in ('Missing', 'Provisioning'))
  and not exists (select 1 from machine_quarantine q where q.machine_id = p.machine_id)
  and not exists (
      select 1 from work w
      where w.machine_id = p.machine_id
        and w.process in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery'))
  and not exists (
      select 1 from machine_os_installation_request r
      join machine_os_installation_report t on t.machine_id = r.machine_id
      where r.machine_id = p.machine_id and t.generation = r.generation and t.os_installation_result = 'Success')
union all
select s.machine_id, s.process, '', greatest(s.due_at, b.until, z.until)
from work_schedule s
left join work_backoff b on b.machine_id = s.machine_id and b.process = s.process
left join lateral (
    select max(coalesce(z.paused_until, 'infinity')) as until
    from pauses z
    left join machine_provided p on p.machine_id = z.machine_id
    where z.machine_id = s.machine_id
      and (z.provider is null or z.provider = p.provider)
      and (z.process is null or z.process = s.process)
) z on true
where not exists (select 1 from work w where w.machine_id = s.machine_id and w.process = s.process);

-- What the queue has to hold of some machines. They are looked up one by one, by plans that stay right as the tables grow.
create function work_due_of(ids uuid[]) returns setof work_due_expected
    language plpgsql stable set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    return query select * from work_due_expected where machine_id = any (ids);
end
$$;

-- Makes the queue right for some machines, and wakes those who wait for them. Whoever writes rows of the queue holds the
-- machines' rows: so what the second statement sees cannot change before it is committed, and two transactions that each
-- see only half of a change cannot both be the last.
--
-- The machines are looked up one by one, by plans that stay right as the tables grow, and in slices, so that the cost of a
-- statement on many of them grows no faster than they do.
create function work_due_arm(ids uuid[]) returns void
    language plpgsql set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    slice uuid[];
    come  text[];
    woken text[] := '{}';
begin
    for i in 1 .. cardinality(ids) by 500 loop
        slice := ids[i : i + 499];
        perform 1 from machines where machine_id = any (slice) order by machine_id for no key update;
        -- A statement of its own, so that its snapshot is taken under the locks.
        with expected as materialized (
            select machine_id, process, provider, due_at from work_due_expected where machine_id = any (slice)
        ), gone as (
            delete from work_due
            where machine_id = any (slice)
              and (machine_id, process) not in (select machine_id, process from expected)
        ), put as (
            insert into work_due as d (machine_id, process, provider, due_at)
            select machine_id, process, provider, due_at from expected
            on conflict (machine_id, process) do update set provider = excluded.provider, due_at = excluded.due_at
            where (d.provider, d.due_at) is distinct from (excluded.provider, excluded.due_at)
            returning d.process, d.provider, d.due_at
        )
        -- Nobody is woken for recovery: agents have to be silent for minutes, and it is looked for in its own time.
        select array_agg(distinct provider || '/' || process) into come
        from put
        where due_at <= now() and process <> 'ShepherdRecovery';
        if come is not null then
            woken := woken || come;
        end if;
    end loop;
    if cardinality(woken) > 0 then
        perform pg_notify('shepherd_due', whom) from (select distinct unnest(woken) as whom) whoever;
    end if;
end
$$;

-- Of a machine that one of the three processes works on, no tag makes it due for any of them: it is looked at when the work
-- ends. That is asked under the lock of its row, which whoever ends the work holds as well.
create function work_due_arm_tagged(ids uuid[]) returns void
    language plpgsql set search_path from current
as $$
declare
    free uuid[];
begin
    perform 1 from machines where machine_id = any (ids) order by machine_id for no key update;
    free := array(
        select machine_id from unnest(ids) i (machine_id)
        where not exists (
            select 1 from work w
            where w.machine_id = i.machine_id
              and w.process in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery')));
    if cardinality(free) > 0 then
        perform work_due_arm(free);
    end if;
end
$$;

create function work_due_after_rows() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    ids := array(select distinct machine_id from changed where machine_id is not null order by machine_id);
    if cardinality(ids) > 0 then
        perform work_due_arm(ids);
    end if;
    return null;
end
$$;

create function work_due_after_tags() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    ids := array(select machine_id from changed order by machine_id);
    if cardinality(ids) > 0 then
        perform work_due_arm_tagged(ids);
    end if;
    return null;
end
$$;

create function work_due_after_update() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    ids := array(select machine_id from (table before except all table changed) a where machine_id is not null
                 union select machine_id from (table changed except all table before) b where machine_id is not null
                 order by machine_id);
    if cardinality(ids) > 0 then
        perform work_due_arm(ids);
    end if;
    return null;
end
$$;

create function work_due_after_tags_update() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    ids := array(select machine_id from (table before except all table changed) a
                 union select machine_id from (table changed except all table before) b
                 order by machine_id);
    if cardinality(ids) > 0 then
        perform work_due_arm_tagged(ids);
    end if;
    return null;
end
$$;

-- The updater moves provider_check_at all the time, and the rest of what a provider says has nothing to do with what is
-- due.
create function work_due_after_provided_update() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    ids := array(select machine_id from (
        (select machine_id, provider, provider_status from before
         except all select machine_id, provider, provider_status from changed)
        union
        (select machine_id, provider, provider_status from changed
         except all select machine_id, provider, provider_status from before)) differing
        group by machine_id order by machine_id);
    if cardinality(ids) > 0 then
        perform work_due_arm_tagged(ids);
    end if;
    return null;
end
$$;

-- A claim holds the machines' rows already.
create function work_due_after_claim() returns trigger
    language plpgsql set search_path from current
as $$
declare
    claimed text;
    ids     uuid[];
begin
    for claimed in select distinct process from changed loop
        ids := array(select machine_id from changed where process = claimed order by machine_id);
        perform 1 from machines where machine_id = any (ids) order by machine_id for no key update;
        delete from work_due
        where machine_id = any (ids)
          and (process = claimed
              or (claimed in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery')
                  and process in ('ShepherdAgentStart', 'ShepherdRecovery')));
    end loop;
    return null;
end
$$;

-- Heartbeats that move forward, as they all do, have nothing to do here: a machine is only due later because of them.
create function work_due_after_heartbeat() returns trigger
    language plpgsql set search_path from current
as $$
begin
    perform work_due_arm(array[case when tg_op = 'DELETE' then old.machine_id else new.machine_id end]);
    return null;
end
$$;

-- A pause of more than one machine is not in the queue: claims ask for it. Its end is due work for all it held back.
create function work_due_after_pause() returns trigger
    language plpgsql set search_path from current
as $$
begin
    perform pg_notify('shepherd_due', ended.provider || '/' || ended.process)
    from (select distinct coalesce(provider, '*') as provider, coalesce(process, '*') as process
          from changed where machine_id is null) ended;
    return null;
end
$$;

-- Each table that the queue follows from has three triggers, which differ in the functions that they call.
do $$
declare
    followed record;
begin
    for followed in
        select * from (values
            ('machine_provided', 'work_due_after_tags', 'work_due_after_provided_update'),
            ('machine_agent_started', 'work_due_after_tags', 'work_due_after_tags_update'),
            ('machine_os_installation_request', 'work_due_after_tags', 'work_due_after_tags_update'),
            ('machine_os_installation_report', 'work_due_after_tags', 'work_due_after_tags_update'),
            ('machine_unreachable', 'work_due_after_tags', 'work_due_after_tags_update'),
            ('machine_recovery', 'work_due_after_tags', 'work_due_after_tags_update'),
            ('machine_quarantine', 'work_due_after_tags', 'work_due_after_tags_update'),
            ('pauses', 'work_due_after_rows', 'work_due_after_update'),
            ('work_backoff', 'work_due_after_rows', 'work_due_after_update'),
            ('work_schedule', 'work_due_after_rows', 'work_due_after_update')
        ) as t (name, on_rows, on_update)
    loop
        execute format('create trigger work_due_insert after insert on %I referencing new table as changed'
            ' for each statement execute function %I()', followed.name, followed.on_rows);
        execute format('create trigger work_due_delete after delete on %I referencing old table as changed'
            ' for each statement execute function %I()', followed.name, followed.on_rows);
        execute format('create trigger work_due_update after update on %I referencing old table as before'
            ' new table as changed for each statement execute function %I()', followed.name, followed.on_update);
    end loop;
end
$$;

create trigger work_due_insert after insert on work
    referencing new table as changed for each statement execute function work_due_after_claim();
create trigger work_due_delete after delete on work
    referencing old table as changed for each statement execute function work_due_after_rows();
create trigger work_due_update after update on work
    referencing old table as before new table as changed
    for each statement execute function work_due_after_update();

create trigger work_due_pause_delete after delete on pauses
    referencing old table as changed for each statement execute function work_due_after_pause();
create trigger work_due_pause_update after update on pauses
    referencing old table as changed for each statement execute function work_due_after_pause();

create trigger work_due_insert after insert on machine_agent_heartbeat
    for each row when (new.agent_heartbeat_at < now()) execute function work_due_after_heartbeat();
create trigger work_due_update after update on machine_agent_heartbeat
    for each row when (new.agent_heartbeat_at < old.agent_heartbeat_at) execute function work_due_after_heartbeat();
create trigger work_due_delete after delete on machine_agent_heartbeat
    for each row execute function work_due_after_heartbeat();

-- The spans of the policy that a provider's recoverers put machines off by. Another policy has all of them looked at anew.
alter table providers add column recovery_spans text;

insert into work_due (machine_id, process, provider, due_at)
select machine_id, process, provider, due_at from work_due_expected;
