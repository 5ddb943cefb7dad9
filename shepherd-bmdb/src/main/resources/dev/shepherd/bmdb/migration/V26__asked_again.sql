-- Since when a machine is held back is another moment than when that was asked last: docs/decisions/0040-disruptions.md.
alter table machine_disruption add column disruption_asked_at timestamptz not null default now();
update machine_disruption set disruption_asked_at = disruption_at;
