-- What was written before the history named the provider. In a transaction of its own: the tables that the migration before it
-- changed must not stay locked meanwhile.
update work_history h
set provider = p.provider, provider_id = p.provider_id
from machine_provided p
where p.machine_id = h.machine_id and h.provider is null;
