-- What people did to the fleet. A row is written in the transaction that does it, so it is there exactly if it was done. It
-- refers to nothing, since it outlives the machine, and names the machine as its provider does.
create table operator_actions (
    action_id   bigint       not null generated always as identity primary key,
    acted_at    timestamptz  not null,
    acted_by    text         not null check (acted_by <> ''),
    channel     text         not null check (channel in ('Page', 'CommandLine', 'API', 'Program')),
    verb        text         not null check (verb ~ '^[A-Z][A-Za-z]{0,62}$'),
    reason      text         not null check (reason <> ''),
    machine_id  uuid,
    provider    text,
    provider_id varchar(128),
    subject     text,
    details     text
);

create index operator_actions_by_machine on operator_actions (machine_id, action_id) where machine_id is not null;
create index operator_actions_by_provider_id on operator_actions (provider, provider_id, action_id)
    where provider_id is not null;
create index operator_actions_by_time on operator_actions (acted_at);

-- Since when the report is what it is; null where that was not written yet.
alter table machine_hardware_report add column hardware_report_at timestamptz;
