-- What a person sees of a fleet at once: machines found by where they are and by the beginning of their names, and counts that
-- are made now and then by one process for all. docs/schema.md says what each table is for.

create index machine_provided_by_location on machine_provided (provider_location, provider, provider_id);
create index machine_provided_by_name on machine_provided (provider_id varchar_pattern_ops);
create index machine_provided_by_address on machine_provided (provider_ip_address);

create index machine_provided_by_status on machine_provided (provider_status, provider, provider_id)
    where provider_status in ('Missing', 'Provisioning');

-- One row, for processes to take turns on.
create table fleet_counted (
    only_row     boolean     not null primary key default true check (only_row),
    counted_at   timestamptz,
    took_ms      bigint      not null default 0 check (took_ms >= 0),
    sampled_at   timestamptz
);

-- How many machines of a provider at a location are in each state, when last counted.
create table fleet_counts (
    provider text         not null,
    location varchar(128) not null,
    state    text         not null,
    machines bigint       not null check (machines > 0),
    constraint fleet_counts_key primary key (provider, location, state)
);

-- The machines whose agents were silent when last counted, the first ten thousand: no index can find them, since one on
-- agent_heartbeat_at would make every heartbeat cost an entry.
create table fleet_silent (
    machine_id uuid not null primary key
);

-- The counts of a provider every few minutes, and what was done to its machines since the sample before.
create table fleet_samples (
    sampled_at  timestamptz not null,
    provider    text        not null,
    machines    bigint      not null,
    up          bigint      not null,
    recovering  bigint      not null,
    quarantined bigint      not null,
    takeovers   bigint      not null,
    recoveries  bigint      not null,
    failures    bigint      not null,
    constraint fleet_samples_key primary key (sampled_at, provider)
);

-- What ended in the last minutes is counted without reading the history of all machines.
create index work_history_by_time on work_history using brin ("timestamp") with (autosummarize = on);
