-- Which executable an agent was started from: what its file's SHA-256 is, and which version the file names. Both are null where
-- whoever started the agent does not say.
alter table machine_agent_started
    add column agent_sha256 bytea,
    add column agent_version text,
    add constraint machine_agent_started_sha256 check (length(agent_sha256) = 32),
    add constraint machine_agent_started_version check (agent_version is null or agent_sha256 is not null);
