-- How often a process has failed on a machine since it last ended well there: the row goes away then.
alter table work_backoff add column failures integer not null default 0 check (failures >= 0);
