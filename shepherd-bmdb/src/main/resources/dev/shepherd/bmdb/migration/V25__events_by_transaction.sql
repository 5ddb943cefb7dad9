-- A transaction that tells of several things writes one row, and not one for each: most of what events cost was the rows, in the
-- log, in the index and in the server's time. The arrays are equally long; one that would hold only nulls is null.
alter table fleet_event_inbox
    add column kinds       text[],
    add column machine_ids uuid[],
    add column providers   text[],
    add column all_details jsonb[];

update fleet_event_inbox
set kinds = array[kind],
    machine_ids = case when machine_id is not null then array[machine_id] end,
    providers = case when provider is not null then array[provider] end,
    all_details = case when details <> '{}' then array[details] end;

alter table fleet_event_inbox
    drop column kind,
    drop column machine_id,
    drop column provider,
    drop column details;

alter table fleet_event_inbox rename column all_details to details;
alter table fleet_event_inbox
    alter column kinds set not null,
    add check (cardinality(kinds) > 0);

-- Of which silence of a machine was told, so that it is told once. Silent is a machine whose last sign of life is silent_since, and
-- one with a later sign is not, or is again. Written by recoverers when they first find a machine due, whether or not they may touch it.
create table machine_silence (
    machine_id   uuid        not null primary key references machines,
    silent_since timestamptz not null
);
