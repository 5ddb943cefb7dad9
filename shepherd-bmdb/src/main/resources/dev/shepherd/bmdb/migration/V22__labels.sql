-- Labels of machines, and what goes by them. docs/schema.md says what the tables hold, docs/decisions/0038-labels.md why.

-- What the provider says, as key=value with commas between, in the order of the keys. It is kept beside the labels in force, so
-- that a listing is compared with one row, and so that the provider's word is there again when another's label goes.
alter table machine_provided add column provider_labels text;

-- The labels in force, one for each key: an operator's goes before a program's, and that before the provider's.
create table machine_labels (
    machine_id   uuid         not null references machines (machine_id) on delete cascade,
    label_key    varchar(317) not null check (
        label_key ~ '^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$'),
    label_value  varchar(63)  not null check (label_value ~ '^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$'),
    label_source text         not null check (label_source in ('Provider', 'Program', 'Operator')),
    constraint machine_labels_key primary key (machine_id, label_key)
);

create index machine_labels_by_label on machine_labels (label_key, label_value, machine_id);

create function labels_of(labels text) returns table (label_key text, label_value text)
    language sql immutable parallel safe
as $$
    select split_part(pair, '=', 1), split_part(pair, '=', 2) from unnest(string_to_array(labels, ',')) pair
$$;

-- Has what a provider says of a machine in force, where no operator or program has said something under the same key. The machine's
-- row is locked as for any other tag, so that two changes follow each other.
create function machine_labels_mirror(of_machine uuid, labels text) returns void
    language plpgsql set search_path from current
as $$
begin
    perform 1 from machines where machine_id = of_machine for no key update;
    delete from machine_labels l
    where l.machine_id = of_machine and l.label_source = 'Provider'
      and not exists (select 1 from labels_of(labels) o where o.label_key = l.label_key);
    insert into machine_labels as l (machine_id, label_key, label_value, label_source)
    select of_machine, o.label_key, o.label_value, 'Provider' from labels_of(labels) o
    on conflict (machine_id, label_key) do update set label_value = excluded.label_value
    where l.label_source = 'Provider' and l.label_value <> excluded.label_value;
end
$$;

create function machine_labels_after_provided() returns trigger
    language plpgsql set search_path from current
as $$
begin
    if tg_op = 'DELETE' then
        perform machine_labels_mirror(old.machine_id, null);
    else
        perform machine_labels_mirror(new.machine_id, new.provider_labels);
    end if;
    return null;
end
$$;

-- Of each row, and not of the statement, since the condition then costs nothing where no label has changed: the updater
-- writes machine_provided all the time.
create trigger machine_labels_insert after insert on machine_provided
    for each row when (new.provider_labels is not null) execute function machine_labels_after_provided();
create trigger machine_labels_update after update on machine_provided
    for each row when (new.provider_labels is distinct from old.provider_labels)
    execute function machine_labels_after_provided();
create trigger machine_labels_delete after delete on machine_provided
    for each row when (old.provider_labels is not null) execute function machine_labels_after_provided();

-- A selector as Selector.toString writes it.
create function is_selector(selector text) returns boolean language sql immutable parallel safe
as $$
    select selector ~ ('^' || term || '(,' || term || ')*$')
    from (values ('(!?[A-Za-z0-9./_-]+|[A-Za-z0-9./_-]+(!?=[A-Za-z0-9._-]*| (not)?in [(][A-Za-z0-9._,-]*[)]))')) t (term)
$$;

-- Its terms, taken apart once when it is written: whether a label is wanted, its key, and its values, or null for any.
create function selector_terms(selector text) returns jsonb language sql immutable parallel safe
as $$
    select jsonb_agg(jsonb_build_object(
        'wanted', m[1] = '' and coalesce(m[3], '=') = '=' and coalesce(m[5], 'in') = 'in',
        'key', m[2],
        'values', case
            when m[3] is not null then jsonb_build_array(m[4])
            when m[5] is not null then to_jsonb(string_to_array(m[6], ','))
        end))
    from regexp_matches(
        selector,
        '(!?)([A-Za-z0-9./_-]+)(?:(!?=)([A-Za-z0-9._-]*)| ((?:not)?in) [(]([^)]*)[)])?',
        'g') m
$$;

-- Whether the labels of a machine match all terms; null stands for none. Not in SQL: the plan of such a function is set up again
-- at each call, which costs several times as much.
create function labels_match(of_machine uuid, terms jsonb) returns boolean
    language plpgsql stable parallel safe cost 1000 set search_path from current
as $$
declare
    term   jsonb;
    has    text;
    wanted jsonb;
begin
    for i in 0 .. coalesce(jsonb_array_length(terms), 0) - 1 loop
        term := terms -> i;
        select l.label_value into has from machine_labels l
        where l.machine_id = of_machine and l.label_key = term ->> 'key';
        wanted := term -> 'values';
        if (has is not null and (wanted = 'null'::jsonb or jsonb_exists(wanted, has))) <> (term ->> 'wanted')::boolean then
            return false;
        end if;
    end loop;
    return true;
end
$$;

-- A pause of all machines that a selector selects, now and later. Like any pause of more than one machine it is not in the
-- queue of due work: claims ask for it.
alter table pauses add column pause_selector text check (is_selector(pause_selector));
alter table pauses add column pause_terms jsonb generated always as (selector_terms(pause_selector)) stored;
alter table pauses add constraint pauses_of_one_or_selected check (machine_id is null or pause_selector is null);

create or replace function pause_covers(pause pauses, of_machine uuid, of_provider text, of_process text)
    returns boolean language sql stable parallel safe
as $$
    select (pause.machine_id is null or pause.machine_id = of_machine)
       and (pause.provider is null or pause.provider = of_provider)
       and (pause.process is null or pause.process = of_process)
       and (pause.pause_terms is null or labels_match(of_machine, pause.pause_terms))
$$;

-- A label that changes may end what a pause by a selector holds back. Without such a pause no process waits for that.
create function work_due_after_labels() returns trigger
    language plpgsql set search_path from current
as $$
begin
    if exists (select 1 from pauses where pause_selector is not null) then
        perform pg_notify('shepherd_due', '*/*');
    end if;
    return null;
end
$$;

create trigger work_due_labels after insert or update or delete on machine_labels
    for each statement execute function work_due_after_labels();

-- As before, but pauses by selectors are asked for once more under the locks: a label that was changed under the
-- same lock counts for every claim that is committed later.
create or replace function work_claim(
    by_session uuid, of_process text, of_provider text, due_from timestamptz, most int, ahead interval)
    returns table (machine_id uuid, claim_id uuid, due_at timestamptz)
    language plpgsql set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    ids   uuid[];
    times timestamptz[];
begin
    -- It is asked for together with the proof that there is such a session, whatever that says.
    perform 1 from sessions where session_id = by_session for key share;
    if not found then
        return;
    end if;
    select array_agg(c.machine_id), array_agg(c.due_at) into ids, times
    from (
        select d.machine_id, d.due_at
        from work_due d join machines m on m.machine_id = d.machine_id
        where d.process = of_process and d.provider = of_provider
          and d.due_at >= due_from and d.due_at <= now() + ahead
          and not exists (
              select 1 from pauses z
              where pause_covers(z, d.machine_id, coalesce(
                      nullif(of_provider, ''),
                      (select p.provider from machine_provided p where p.machine_id = d.machine_id)), of_process)
                -- Entries of a provider's machines hold the pauses of single machines already.
                and (z.machine_id is null or of_provider = '')
                and (z.paused_until is null or z.paused_until > now() + ahead))
        order by d.due_at, d.machine_id limit most
        for no key update of m skip locked
    ) c;
    if ids is null then
        return;
    end if;
    return query
        with paused as materialized (
            select i.machine_id
            from unnest(ids) i (machine_id)
            where exists (
                select 1 from pauses z
                where z.pause_selector is not null
                  and pause_covers(z, i.machine_id, coalesce(
                          nullif(of_provider, ''),
                          (select p.provider from machine_provided p where p.machine_id = i.machine_id)), of_process)
                  and (z.paused_until is null or z.paused_until > now() + ahead))
        ), claimed as (
            insert into work (machine_id, session_id, process, work_started_at)
            select e.machine_id, by_session, e.process, clock_timestamp() + ahead
            from work_due_of(ids) e
            where e.process = of_process and e.provider = of_provider and e.due_at <= now() + ahead
              and e.machine_id not in (select p.machine_id from paused p)
            on conflict do nothing
            returning machine_id, process, work_started_at, claim_id
        ), recorded as (
            insert into work_history
                (machine_id, provider, provider_id, process, event, "timestamp", claim_id, session_id)
            select c.machine_id, p.provider, p.provider_id, c.process, 'Started', c.work_started_at, c.claim_id, by_session
            from claimed c left join machine_provided p on p.machine_id = c.machine_id
        )
        select i.machine_id, c.claim_id, i.due_at
        from unnest(ids, times) i (machine_id, due_at) left join claimed c on c.machine_id = i.machine_id
        -- Their entries are right, and stay where they are.
        where i.machine_id not in (select p.machine_id from paused p);
end
$$;

-- One row, for the recoverers of all providers to take turns on where a limit goes by labels: what it counts may stand at
-- several providers.
create table recovery_turn (
    only_row boolean not null primary key default true check (only_row)
);
insert into recovery_turn default values;

-- Which machines a rollout is for; all of the provider's if null.
alter table rollouts add column rollout_selector text check (is_selector(rollout_selector));
