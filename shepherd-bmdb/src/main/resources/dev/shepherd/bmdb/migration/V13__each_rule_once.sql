-- What keeps the loops off a machine is said once, here. What the queue has to hold follows from it, and so do claims, the
-- explanation and the plan. The spans of recovery are a setting of the recoverers, and its other rules are theirs.

-- The processes that exclude one another on a machine.
create function is_shepherds(process text) returns boolean language sql immutable parallel safe
as $$ select process in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery') $$;

-- Whether a pause is of a process on a machine of a provider, of none if that is null. Until when it lasts is asked beside it.
create function pause_covers(pause pauses, of_machine uuid, of_provider text, of_process text)
    returns boolean language sql immutable parallel safe
as $$
    select (pause.machine_id is null or pause.machine_id = of_machine)
       and (pause.provider is null or pause.provider = of_provider)
       and (pause.process is null or pause.process = of_process)
$$;

-- Machines with a fulfilled installation: a successful report of the generation that is requested.
create view machine_installed as
select r.machine_id
from machine_os_installation_request r
join machine_os_installation_report t on t.machine_id = r.machine_id and t.generation = r.generation
where t.os_installation_result = 'Success';

-- What agent start and recovery make of each machine that has a provider: the first rule that keeps the process off it until
-- something changes, or null; since when it comes into question otherwise; and until when time keeps the process off it.
create view work_rules as
select p.machine_id, d.process, p.provider,
    case
        when exists (select 1 from machine_quarantine q where q.machine_id = p.machine_id) then 'QUARANTINED'
        when p.provider_status = 'Missing' then 'MISSING'
        when p.provider_status = 'Provisioning' then 'PROVISIONING'
        when exists (select 1 from machine_installed i where i.machine_id = p.machine_id) then 'INSTALLED'
        when exists (select 1 from work w where w.machine_id = p.machine_id and is_shepherds(w.process)) then 'WORKED_ON'
        when d.process = 'ShepherdAgentStart' and a.is_started then 'AGENT_STARTED'
        when d.process = 'ShepherdRecovery' and not a.is_started
            and not exists (select 1 from machine_unreachable u where u.machine_id = p.machine_id)
            and not exists (
                select 1 from machine_recovery r where r.machine_id = p.machine_id and r.recovery_proved_at is null)
            then 'NO_AGENT'
    end as rule,
    d.since, b.until as backed_off_until, z.until as paused_until
from machine_provided p
join machines m on m.machine_id = p.machine_id
cross join lateral (
    select exists (select 1 from machine_agent_started s where s.machine_id = p.machine_id) as is_started
) a
-- A machine that may have to be brought back is due at once: recoverers put it off by their spans of silence.
cross join lateral (
    values ('ShepherdAgentStart'::text, m.machine_created_at), ('ShepherdRecovery', '-infinity')
) d (process, since)
left join work_backoff b on b.machine_id = p.machine_id and b.process = d.process
left join lateral (
    select max(coalesce(z.paused_until, 'infinity')) as until
    from pauses z
    where z.machine_id = p.machine_id and pause_covers(z, p.machine_id, p.provider, d.process)
) z on true;

-- What the queue has to hold. A machine that is paused for good is due at infinity.
create or replace view work_due_expected as
select machine_id, process, provider, greatest(since, backed_off_until, paused_until) as due_at
from work_rules
where rule is null
union all
select s.machine_id, s.process, '', greatest(s.due_at, b.until, z.until)
from work_schedule s
left join work_backoff b on b.machine_id = s.machine_id and b.process = s.process
left join lateral (
    select max(coalesce(z.paused_until, 'infinity')) as until
    from pauses z
    left join machine_provided p on p.machine_id = z.machine_id
    where z.machine_id = s.machine_id and pause_covers(z, s.machine_id, p.provider, s.process)
) z on true
where not exists (select 1 from work w where w.machine_id = s.machine_id and w.process = s.process);

-- The functions that asked for pauses and for the three processes in words of their own. Nothing else of them differs.

create or replace function work_due_arm_tagged(ids uuid[]) returns void
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
              and is_shepherds(w.process)));
    if cardinality(free) > 0 then
        perform work_due_arm(free);
    end if;
end
$$;

create or replace function work_due_after_claim() returns trigger
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
              or (is_shepherds(claimed)
                  and process in ('ShepherdAgentStart', 'ShepherdRecovery')));
    end loop;
    return null;
end
$$;

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
              where pause_covers(z, d.machine_id, coalesce(
                      nullif(of_provider, ''),
                      (select p.provider from machine_provided p where p.machine_id = d.machine_id)), of_process)
                -- Entries of a provider's machines hold the pauses of single machines already.
                and (z.machine_id is null or of_provider = '')
                and (z.paused_until is null or z.paused_until > now() + ahead))
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

-- A rule of recovery may go by a machine's location, and postpones its entry then: the entry is renewed when the machine
-- moves. The updater moves provider_check_at all the time, and the rest of what a provider says decides nothing.
create or replace function work_due_after_provided_update() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    ids := array(select machine_id from (
        (select machine_id, provider, provider_status, provider_location from before
         except all select machine_id, provider, provider_status, provider_location from changed)
        union
        (select machine_id, provider, provider_status, provider_location from changed
         except all select machine_id, provider, provider_status, provider_location from before)) differing
        group by machine_id order by machine_id);
    if cardinality(ids) > 0 then
        perform work_due_arm_tagged(ids);
    end if;
    return null;
end
$$;
