-- A machine that somebody keeps locked must not hold up the ends of other work: an end that does not get the lock within a
-- second fails, and is tried again later. The limit is the function's alone: what else a transaction waits for, such as for an
-- embedder's own rows, it waits for as before.
alter function work_lock(uuid, uuid[], uuid[]) set lock_timeout = '1s';
