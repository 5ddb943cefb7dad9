-- What machines are made of, as far as it is summed over a fleet, and how it changed. docs/schema.md says what each
-- table is for, decision 34 why they are as they are.

-- When the sums of this report were made; null if they are still those of a report before, or were never made.
alter table machine_hardware_report add column hardware_read_at timestamptz;

create index machine_hardware_report_unread on machine_hardware_report (machine_id) where hardware_read_at is null;

-- Not every writer makes sums: an older version of the library does not, nor does SQL by hand.
create function hardware_report_unread() returns trigger language plpgsql as $$
begin
    if new.hardware_read_at is not distinct from old.hardware_read_at then
        new.hardware_read_at := null;
    end if;
    return new;
end;
$$;

create trigger machine_hardware_report_unread before update of hardware_report_raw on machine_hardware_report
    for each row execute function hardware_report_unread();

-- Apart from the report, so that summing up a fleet does not read all reports. It ends with the report.
create table machine_hardware (
    machine_id              uuid    not null primary key references machine_hardware_report on delete cascade,
    hardware_readable       boolean not null,
    hardware_cpus           integer not null check (hardware_cpus >= 0),
    hardware_cores          bigint  not null check (hardware_cores >= 0),
    hardware_threads        bigint  not null check (hardware_threads >= 0),
    hardware_memory_bytes   bigint  not null check (hardware_memory_bytes >= 0),
    hardware_disks          integer not null check (hardware_disks >= 0),
    hardware_disk_bytes     numeric not null check (hardware_disk_bytes >= 0),
    hardware_failing_disks  integer not null check (hardware_failing_disks >= 0)
);

create index machine_hardware_failing on machine_hardware (machine_id) where hardware_failing_disks > 0;

-- What a report said differently from the one before. It refers to nothing, since it outlives the machine.
create table hardware_history (
    change_id   bigint       not null generated always as identity primary key,
    machine_id  uuid         not null,
    provider    text,
    provider_id varchar(128),
    changed_at  timestamptz  not null,
    kind        text         not null check (kind ~ '^[A-Z][A-Z_]{0,62}$'),
    change      varchar(2000) not null
);

create index hardware_history_by_machine on hardware_history (machine_id, change_id);
create index hardware_history_by_provider_id on hardware_history (provider, provider_id, change_id)
    where provider_id is not null;

-- The sums of a provider's machines at a location, when last counted.
create table fleet_hardware (
    provider      text         not null,
    location      varchar(128) not null,
    machines      bigint       not null check (machines > 0),
    unreadable    bigint       not null,
    cpus          bigint       not null,
    cores         bigint       not null,
    threads       bigint       not null,
    memory_bytes  numeric      not null,
    disks         bigint       not null,
    disk_bytes    numeric      not null,
    failing_disks bigint       not null,
    constraint fleet_hardware_key primary key (provider, location)
);
