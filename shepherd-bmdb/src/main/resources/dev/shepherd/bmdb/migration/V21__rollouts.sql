-- Rollouts: bringing the agents of a provider's machines to another executable, wave by wave.

create table agent_executables (
    agent_sha256    bytea       primary key check (length(agent_sha256) = 32),
    agent_version   text,
    executable_size bigint      not null check (executable_size > 0),
    stored_at       timestamptz not null
);

create table agent_executable_parts (
    agent_sha256 bytea not null references agent_executables on delete cascade,
    part         int   not null check (part >= 0),
    content      bytea not null,
    primary key (agent_sha256, part)
);
-- Executables are compressed already, or not worth the time.
alter table agent_executable_parts alter column content set storage external;

create table rollouts (
    rollout_id         bigint      primary key generated always as identity,
    provider           text        not null,
    agent_sha256       bytea       not null references agent_executables,
    rollout_state      text        not null check (
        rollout_state in ('Running', 'Paused', 'Stopped', 'Aborted', 'Completed')),
    rollout_cause      text,
    rollout_canary     int         not null check (rollout_canary > 0),
    rollout_batch      int         not null check (rollout_batch > 0),
    rollout_bake_seconds bigint    not null check (rollout_bake_seconds > 0),
    rollout_max_failures int       not null check (rollout_max_failures >= 0),
    rollout_wave       int         not null,
    rollout_pass       int         not null,
    rollout_machines   int         not null,
    rollout_done       int         not null,
    rollout_passed     int         not null,
    rollout_started_at timestamptz not null,
    rollout_started_by text        not null,
    rollout_ended_at   timestamptz,
    constraint rollouts_ended check (
        (rollout_state in ('Running', 'Paused')) = (rollout_ended_at is null))
);
-- One at a time.
create unique index rollouts_under_way on rollouts (provider) where rollout_ended_at is null;
create index rollouts_of_provider on rollouts (provider, rollout_id);

create table machine_rollout (
    machine_id       uuid        primary key references machines,
    rollout_id       bigint      not null references rollouts,
    rollout_step     text        not null check (rollout_step in (
        'Waiting', 'Chosen', 'Starting', 'Baking', 'Returning', 'Done', 'Returned', 'Failed', 'Passed')),
    rollout_step_at  timestamptz not null,
    rollout_until    timestamptz,
    rollout_wave     int,
    rollout_cause    text,
    constraint machine_rollout_until check (
        (rollout_step in ('Chosen', 'Starting', 'Baking', 'Returning')) = (rollout_until is not null))
);
create index machine_rollout_waiting on machine_rollout (rollout_id, machine_id) where rollout_step = 'Waiting';
create index machine_rollout_passed on machine_rollout (rollout_id, machine_id) where rollout_step = 'Passed';
create index machine_rollout_active on machine_rollout (rollout_id) where rollout_until is not null;
create index machine_rollout_failed on machine_rollout (rollout_id)
    where rollout_step in ('Returning', 'Returned', 'Failed');

-- What a rollout makes of a machine: due for agent start although its agent is started, and left alone by recovery until then.
create or replace view work_rules as
select p.machine_id, d.process, p.provider,
    case
        when exists (select 1 from machine_quarantine q where q.machine_id = p.machine_id) then 'QUARANTINED'
        when p.provider_status = 'Missing' then 'MISSING'
        when p.provider_status = 'Provisioning' then 'PROVISIONING'
        when exists (select 1 from machine_installed i where i.machine_id = p.machine_id) then 'INSTALLED'
        when exists (select 1 from work w where w.machine_id = p.machine_id and is_shepherds(w.process)) then 'WORKED_ON'
        when d.process = 'ShepherdAgentStart' and a.is_started
            and coalesce(o.rollout_step not in ('Chosen', 'Starting', 'Returning'), true) then 'AGENT_STARTED'
        when d.process = 'ShepherdRecovery' and not a.is_started
            and not exists (select 1 from machine_unreachable u where u.machine_id = p.machine_id)
            and not exists (
                select 1 from machine_recovery r where r.machine_id = p.machine_id and r.recovery_proved_at is null)
            then 'NO_AGENT'
    end as rule,
    d.since, b.until as backed_off_until, z.until as paused_until
from machine_provided p
join machines m on m.machine_id = p.machine_id
left join machine_rollout o on o.machine_id = p.machine_id
cross join lateral (
    select exists (select 1 from machine_agent_started s where s.machine_id = p.machine_id) as is_started
) a
-- A machine that may have to be brought back is due at once: recoverers put it off by their spans of silence.
cross join lateral (
    values ('ShepherdAgentStart'::text, m.machine_created_at),
        ('ShepherdRecovery', coalesce(o.rollout_until, '-infinity'))
) d (process, since)
left join work_backoff b on b.machine_id = p.machine_id and b.process = d.process
left join lateral (
    select max(coalesce(z.paused_until, 'infinity')) as until
    from pauses z
    where z.machine_id = p.machine_id and pause_covers(z, p.machine_id, p.provider, d.process)
) z on true;

-- Most rows wait, or have ended: only those that change what their machine is due for concern the queue.
create function work_due_after_rollout() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    if tg_op = 'INSERT' then
        ids := array(select machine_id from changed where rollout_until is not null order by machine_id);
    elsif tg_op = 'DELETE' then
        ids := array(select machine_id from changed where rollout_until is not null order by machine_id);
    else
        ids := array(
            select c.machine_id from changed c join before b on b.machine_id = c.machine_id
            where c.rollout_until is distinct from b.rollout_until
               or (c.rollout_until is not null and c.rollout_step <> b.rollout_step)
            order by c.machine_id);
    end if;
    if cardinality(ids) > 0 then
        perform work_due_arm_tagged(ids);
    end if;
    return null;
end
$$;

create trigger work_due_insert after insert on machine_rollout
    referencing new table as changed for each statement execute function work_due_after_rollout();
create trigger work_due_delete after delete on machine_rollout
    referencing old table as changed for each statement execute function work_due_after_rollout();
create trigger work_due_update after update on machine_rollout
    referencing old table as before new table as changed
    for each statement execute function work_due_after_rollout();
