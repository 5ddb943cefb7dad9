-- Since when a machine is held back is another moment than when that was asked last: docs/decisions/0040-disruptions.md.
alter table machine_disruption add column disruption_asked_at timestamptz not null default now();
update machine_disruption set disruption_asked_at = disruption_at;

-- Which end drain hooks have yet to be told of, once it is owed.
alter table machine_disruption add column disruption_done boolean not null default false;
