-- What recovery and the updater remember. docs/recovery.md says how it is used.

-- A machine whose SSH server the initializer did not reach, though it tried. Ends when it is reached or rebooted.
create table machine_unreachable (
    machine_id           uuid        not null primary key references machines (machine_id) on delete restrict,
    unreachable_since    timestamptz not null,
    unreachable_attempts integer     not null check (unreachable_attempts > 0)
);

-- What was tried to bring a machine back. The attempt is written, as under way, before the provider is asked. The row
-- is open until the agent is heard again; it is kept for a while after that, for machines that relapse.
create table machine_recovery (
    machine_id            uuid        not null primary key references machines (machine_id) on delete restrict,
    recovery_action       text        not null check (recovery_action in ('AgentRestart', 'Reboot', 'Reinstall')),
    recovery_attempted_at timestamptz not null,
    recovery_under_way    boolean     not null,
    recovery_attempts     integer     not null check (recovery_attempts >= 0),
    recovery_reinstalls   integer     not null check (recovery_reinstalls >= 0),
    recovery_failed_calls integer     not null check (recovery_failed_calls >= 0),
    recovery_proved_at    timestamptz
);

create index machine_recovery_open on machine_recovery (machine_id) where recovery_proved_at is null;

-- A machine that is set aside: no loop touches it until it is released.
create table machine_quarantine (
    machine_id       uuid        not null primary key references machines (machine_id) on delete restrict,
    quarantined_at   timestamptz not null,
    quarantined_by   text        not null check (quarantined_by <> ''),
    quarantine_cause text        not null check (quarantine_cause <> '')
);

-- What loops leave alone for now: machines, providers or processes, and what they have in common. Null stands for all.
create table pauses (
    pause_id     uuid        not null primary key,
    machine_id   uuid        references machines (machine_id) on delete cascade,
    provider     text,
    process      text        check (process ~ '^[A-Z][A-Za-z0-9]{0,62}$'),
    paused_by    text        not null check (paused_by <> ''),
    pause_reason text        not null check (pause_reason <> ''),
    paused_at    timestamptz not null,
    paused_until timestamptz
);

create index pauses_by_machine on pauses (machine_id);

-- Where so many agents fell silent at once that the fault is likelier to be ours: for the whole fleet (both empty),
-- a provider, or one of its locations. A row stays after its release: who was last heard before ignored_until is no
-- evidence for the next.
create table recovery_freeze (
    provider        text        not null,
    location        varchar(128) not null,
    frozen_at       timestamptz not null,
    silent_since    timestamptz not null,
    freeze_evidence text        not null,
    calm_since      timestamptz,
    released_at     timestamptz,
    released_by     text,
    ignored_until   timestamptz,
    constraint recovery_freeze_scope_key primary key (provider, location)
);

-- Since when a provider's recoverers have been looking without a gap. Who has just begun to look cannot tell agents that
-- are silent from agents that nobody could hear meanwhile.
alter table providers add column recovery_looked_at timestamptz;
alter table providers add column recovery_looking_since timestamptz;

-- When the updater looks at a machine next.
alter table machine_provided add column provider_check_at timestamptz not null default now();

create index machine_provided_by_check on machine_provided (provider, provider_check_at);

-- The highest generation that an installation was ever requested with: a request that is taken back leaves no trace
-- but this, and a late report for it must not fulfill the next one.
alter table machines add column os_installation_generation bigint not null default 0;
