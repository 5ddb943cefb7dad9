-- When the last request was signed that an agent signed and that was accepted, by its own clock, in milliseconds since
-- 1970, and its key: one that was not signed later by that key is a repeated one. No index has them, so that a heartbeat
-- still touches none.
alter table machine_agent_heartbeat
    add column agent_signed_at_millis bigint,
    add column agent_signed_by bytea,
    add constraint machine_agent_heartbeat_signed check (
        (agent_signed_at_millis is null) = (agent_signed_by is null));
