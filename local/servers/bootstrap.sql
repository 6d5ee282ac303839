-- What a hosted Supabase database has before its first migration and @supabase/lite does not bring.
-- Run as supabase_admin, the superuser of the cluster; harmless when run again.

do $$
declare
  wanted text;
begin
  foreach wanted in array array['anon', 'authenticated', 'service_role', 'postgres'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      execute format('create role %I nologin noinherit', wanted);
    end if;
  end loop;
end
$$;

alter role service_role bypassrls;
alter role postgres login inherit createdb createrole bypassrls replication;
grant anon, authenticated, service_role to postgres with set true, inherit true;

do $$
begin
  execute format('alter database %I owner to postgres', current_database());
end
$$;
alter schema public owner to postgres;
create schema if not exists extensions authorization postgres;
-- Its tables and functions come with the auth server; policies call them under every role.
create schema if not exists auth authorization postgres;
grant usage on schema public, extensions, auth to anon, authenticated, service_role;

-- As hosted: row-level security is the only barrier.
alter default privileges for role postgres in schema public
  grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on functions to postgres, anon, authenticated, service_role;
