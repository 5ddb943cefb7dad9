-- What happened to the fleet, for programs that must not miss any of it. A row is written in the transaction that does what it
-- tells of, so it is there exactly if that is done. It refers to nothing, since it outlives the machine, and names the machine
-- as its provider does.
--
-- event_id is drawn while the machine is locked. Transactions commit in another order, so it is no place to read on from:
-- position is. It is given to rows that are committed, by one transaction at a time, in the order of event_id.
-- The machine's name is filled in with the position, which readers pay for and not those who write.
create table fleet_events (
    event_id    bigint      not null generated always as identity primary key,
    position    bigint,
    event_at    timestamptz not null,
    kind        text        not null check (kind <> ''),
    machine_id  uuid,
    provider    text,
    provider_id varchar(128),
    details     jsonb       not null
);

create unique index fleet_events_by_position on fleet_events (position) where position is not null;
create index fleet_events_without_position on fleet_events (event_id) where position is null;

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
