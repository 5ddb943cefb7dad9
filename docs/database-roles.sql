-- The roles of a fleet's database. Run it once, as a superuser or as an owner who may create roles, in the database of the
-- fleet: psql -d fleet -f database-roles.sql. docs/database.md says which process uses which role.

-- Owns the tables and migrates them. What needs it is a start of a new version, and nothing else.
create role shepherd_owner login;
-- Runs the loops, takes what agents report, and does what operators ask for. It changes no table.
create role shepherd_run login;
-- Looks: 'serve' without --web-tokens, 'machines', 'explain', 'plan', 'history' and the like.
create role shepherd_look login;

create schema fleet authorization shepherd_owner;
grant usage on schema fleet to shepherd_run, shepherd_look;
alter role shepherd_owner set search_path = fleet;
alter role shepherd_run set search_path = fleet;
alter role shepherd_look set search_path = fleet;

-- For the tables that the first migration makes, and for those of all later ones.
alter default privileges for role shepherd_owner in schema fleet
    grant select, insert, update, delete on tables to shepherd_run;
alter default privileges for role shepherd_owner in schema fleet
    grant usage on sequences to shepherd_run;
alter default privileges for role shepherd_owner in schema fleet
    grant select on tables to shepherd_look;

-- Then, with psql, which does not show them: \password shepherd_owner, \password shepherd_run, \password shepherd_look
