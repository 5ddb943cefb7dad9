-- The bare metal database. Plain SQL that PostgreSQL, CockroachDB and YugabyteDB all take.
-- docs/schema.md says what each table is for. A tag is a row in a machine_* table: it exists or it does not.

create table machines (
    machine_id         uuid        not null primary key default gen_random_uuid(),
    machine_created_at timestamptz not null default now()
);

-- One row for each live component. A row whose deadline has passed is dead: whoever notices deletes it, and
-- with it everything it held.
create table sessions (
    session_id               uuid        not null primary key default gen_random_uuid(),
    session_component_name   text        not null check (session_component_name <> ''),
    session_runtime_info     text        not null,
    session_created_at       timestamptz not null default now(),
    session_interval_seconds integer     not null check (session_interval_seconds > 0),
    session_deadline         timestamptz not null
);

create index sessions_by_deadline on sessions (session_deadline);

-- One row while a session works on a machine. claim_id tells one claim from the next in work_history.
create table work (
    machine_id      uuid        not null references machines (machine_id) on delete restrict,
    session_id      uuid        not null references sessions (session_id) on delete cascade,
    process         text        not null check (process ~ '^[A-Z][A-Za-z0-9]{0,62}$'),
    claim_id        uuid        not null default gen_random_uuid(),
    work_started_at timestamptz not null default now(),
    constraint work_machine_process_key primary key (machine_id, process)
);

create index work_by_session on work (session_id);

-- The three processes that act on a machine from outside exclude one another.
create unique index work_shepherd_exclusive on work (machine_id)
    where process in ('ShepherdAccess', 'ShepherdAgentStart', 'ShepherdRecovery');

create table work_history (
    history_id   bigint      not null generated always as identity primary key,
    machine_id   uuid        not null references machines (machine_id) on delete cascade,
    process      text        not null check (process ~ '^[A-Z][A-Za-z0-9]{0,62}$'),
    event        text        not null check (event in ('Started', 'Finished', 'Failed', 'Canceled')),
    "timestamp"  timestamptz not null default now(),
    failed_cause text,
    claim_id     uuid,
    session_id   uuid
);

create index work_history_by_machine on work_history (machine_id, "timestamp", history_id);
create index work_history_by_claim on work_history (claim_id);

create table work_backoff (
    machine_id            uuid        not null references machines (machine_id) on delete cascade,
    process               text        not null check (process ~ '^[A-Z][A-Za-z0-9]{0,62}$'),
    until                 timestamptz not null,
    cause                 text        not null,
    last_interval_seconds bigint      not null check (last_interval_seconds > 0),
    constraint work_backoff_machine_process_key primary key (machine_id, process)
);

create table machine_provided (
    machine_id              uuid         not null primary key references machines (machine_id) on delete restrict,
    provider                text         not null check (provider ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'),
    provider_id             varchar(128) not null check (provider_id ~ '[^ ]'),
    provider_reservation_id varchar(128),
    provider_ip_address     varchar(128),
    provider_ssh_port       integer      check (provider_ssh_port between 1 and 65535),
    provider_location       varchar(128),
    provider_status         text         check (provider_status in
        ('Missing', 'Provisioning', 'ProvisioningFailedPermanent', 'Running', 'Stopped', 'Unknown')),
    constraint machine_provided_provider_id_key unique (provider, provider_id)
);

create index machine_provided_by_reservation on machine_provided (provider, provider_reservation_id)
    where provider_reservation_id is not null;

create table machine_agent_started (
    machine_id       uuid        not null primary key references machines (machine_id) on delete restrict,
    agent_started_at timestamptz not null,
    agent_public_key bytea       not null
);

create table machine_agent_heartbeat (
    machine_id         uuid        not null primary key references machines (machine_id) on delete restrict,
    agent_heartbeat_at timestamptz not null
);

create table machine_hardware_report (
    machine_id          uuid  not null primary key references machines (machine_id) on delete restrict,
    hardware_report_raw bytea not null
);

create table machine_os_installation_request (
    machine_id                  uuid   not null primary key references machines (machine_id) on delete restrict,
    generation                  bigint not null,
    os_installation_request_raw bytea  not null
);

-- A fulfilled installation is a report with result 'Success' and the generation of the request.
create table machine_os_installation_report (
    machine_id                 uuid   not null primary key references machines (machine_id) on delete restrict,
    generation                 bigint not null,
    os_installation_result     text   not null check (os_installation_result in ('Success', 'Error')),
    os_installation_report_raw bytea  not null
);

-- The SSH host key that a machine showed when it was first taken over, as in a known_hosts file.
create table machine_ssh_host_key (
    machine_id          uuid        not null primary key references machines (machine_id) on delete restrict,
    ssh_host_key        text        not null check (ssh_host_key <> ''),
    ssh_host_key_set_at timestamptz not null
);

-- One row for each provider instance, for provisioners to take turns on.
create table providers (
    provider text not null primary key check (provider ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$')
);

-- A machine that is about to be created at a provider, recorded before the provider is asked. Its id becomes
-- the machine's id. The candidate is the provider's id of the machine to create, or its reservation's where it
-- has none yet. A row ends when the machine is recorded, or the provider is sure that nothing was made.
create table machine_intent (
    intent_id        uuid         not null primary key,
    provider         text         not null references providers (provider) on delete restrict,
    candidate        varchar(128) not null check (candidate <> ''),
    session_id       uuid         references sessions (session_id) on delete set null,
    intent_made_at   timestamptz  not null,
    attempts         integer      not null default 0 check (attempts >= 0),
    retry_at         timestamptz,
    last_error       text,
    constraint machine_intent_candidate_key unique (provider, candidate)
);

create index machine_intent_by_session on machine_intent (session_id);
