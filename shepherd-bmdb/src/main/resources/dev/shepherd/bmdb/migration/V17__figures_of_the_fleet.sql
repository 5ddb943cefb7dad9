-- What else is counted with the fleet, for those who watch it from afar. docs/schema.md says what each figure is.
create table fleet_figures (
    figure   text   not null check (figure ~ '^[A-Z][A-Z_]{0,62}$'),
    provider text   not null,
    process  text   not null,
    kind     text   not null,
    value    bigint not null check (value >= 0),
    constraint fleet_figures_key primary key (figure, provider, process, kind)
);
