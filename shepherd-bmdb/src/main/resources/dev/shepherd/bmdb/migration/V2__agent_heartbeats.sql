-- Heartbeats overwrite the rows of one small table all the time: 100,000 machines that beat once a minute change each
-- row 1,440 times a day.

-- Half of each page is kept free, so that the next version of a row fits beside it. As no index has
-- agent_heartbeat_at, such an update touches no index, and the page is tidied up by the next one that finds it full:
-- the table stays at its size without waiting for a vacuum. (An index on agent_heartbeat_at would end that.) Pages
-- that were filled before this setting follow as their rows move out of them.
alter table machine_agent_heartbeat set (fillfactor = 50);
