-- What gates say of taking machines down. docs/schema.md says what the table holds, docs/decisions/0040-disruptions.md why.

create table machine_disruption (
    machine_id          uuid        primary key references machines (machine_id) on delete cascade,
    disruption_id       uuid        not null unique,
    disruption_kind     text        not null check (disruption_kind in ('Reboot', 'Reinstall', 'Rollout')),
    disruption_state    text        not null check (
        disruption_state in ('HeldBack', 'Refused', 'Draining', 'Approved', 'UnderWay')),
    disruption_at       timestamptz not null,
    disruption_until    timestamptz,
    disruption_deadline timestamptz,
    disruption_drained  boolean     not null,
    disruption_claim    uuid,
    disruption_gate     text,
    disruption_why      text        not null,
    constraint machine_disruption_until check (
        (disruption_state in ('HeldBack', 'Refused', 'Draining')) = (disruption_until is not null)),
    constraint machine_disruption_deadline check (
        (disruption_state in ('Draining', 'Approved')) = (disruption_deadline is not null)),
    constraint machine_disruption_claim check ((disruption_state = 'Approved') = (disruption_claim is not null))
);

-- As before, but what a gate holds back is not due until it is to be asked again.
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
left join machine_disruption x on x.machine_id = p.machine_id
cross join lateral (
    select exists (select 1 from machine_agent_started s where s.machine_id = p.machine_id) as is_started
) a
-- A machine that may have to be brought back is due at once: recoverers postpone it by their spans of silence.
cross join lateral (
    values
        ('ShepherdAgentStart'::text,
            greatest(m.machine_created_at, case when x.disruption_kind = 'Rollout' then x.disruption_until end)),
        ('ShepherdRecovery',
            greatest(
                coalesce(o.rollout_until, '-infinity'),
                case when x.disruption_kind <> 'Rollout' then x.disruption_until end))
) d (process, since)
left join work_backoff b on b.machine_id = p.machine_id and b.process = d.process
left join lateral (
    select max(coalesce(z.paused_until, 'infinity')) as until
    from pauses z
    where z.machine_id = p.machine_id and pause_covers(z, p.machine_id, p.provider, d.process)
) z on true;

create function work_due_after_disruption() returns trigger
    language plpgsql set search_path from current
as $$
declare
    ids uuid[];
begin
    if tg_op = 'UPDATE' then
        ids := array(
            select c.machine_id from changed c join before b on b.machine_id = c.machine_id
            where c.disruption_until is distinct from b.disruption_until
               or c.disruption_kind <> b.disruption_kind
            order by c.machine_id);
    else
        ids := array(select machine_id from changed where disruption_until is not null order by machine_id);
    end if;
    if cardinality(ids) > 0 then
        perform work_due_arm_tagged(ids);
    end if;
    return null;
end
$$;

create trigger work_due_insert after insert on machine_disruption
    referencing new table as changed for each statement execute function work_due_after_disruption();
create trigger work_due_delete after delete on machine_disruption
    referencing old table as changed for each statement execute function work_due_after_disruption();
create trigger work_due_update after update on machine_disruption
    referencing old table as before new table as changed
    for each statement execute function work_due_after_disruption();
