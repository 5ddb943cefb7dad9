-- What happened to the fleet, for programs that must not miss any of it.
--
-- A row of the inbox is written in the transaction that does what it tells of, so it is there exactly if that is done. event_id is
-- drawn while the machine is locked. Transactions commit in another order, so it is no place to read on from.
create table fleet_event_inbox (
    event_id    bigint      not null generated always as identity primary key,
    event_at    timestamptz not null,
    kind        text        not null check (kind <> ''),
    machine_id  uuid,
    provider    text,
    details     jsonb       not null
);

-- The feed. Committed rows of the inbox are moved here when a reader asks for what is new, by one transaction at a time and in the
-- order of event_id. So what is costly is paid by those who read: the names of machines, as their providers have them, and the
-- position from which a reader goes on. It refers to nothing, since it outlives the machine.
create table fleet_events (
    position    bigint      not null primary key,
    event_at    timestamptz not null,
    kind        text        not null,
    machine_id  uuid,
    provider    text,
    provider_id varchar(128),
    details     jsonb       not null
);

-- At most one row, made when it is first needed: the last position that was given, and the last of those whose events were
-- deleted for their age.
create table fleet_event_positions (
    one_row         boolean not null default true primary key check (one_row),
    last_position   bigint  not null default 0,
    pruned_position bigint  not null default 0 check (pruned_position <= last_position)
);

-- How far a reader has come that goes on where it was. One session at a time holds it.
create table fleet_event_readers (
    reader     text   not null primary key check (reader ~ '^[a-z][a-z0-9.-]{0,62}$'),
    position   bigint not null check (position >= 0),
    session_id uuid   references sessions on delete set null
);

create index fleet_event_readers_by_session on fleet_event_readers (session_id) where session_id is not null;
