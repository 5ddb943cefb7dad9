-- What a process backed off for, in a word that programs count and choose by. The cause itself is for people.
alter table work_backoff
    add column kind text not null default 'other' check (kind ~ '^[a-z][a-z0-9_]{0,39}$');
