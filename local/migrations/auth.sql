-- The little of Supabase's auth schema that the migrations lean on, for databases no auth server has been at.

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;
create table if not exists auth.users (
  id uuid primary key default gen_random_uuid(),
  email varchar(255),
  created_at timestamptz default now()
);
create or replace function auth.jwt () returns jsonb language sql stable
as $$ select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;
create or replace function auth.uid () returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
create or replace function auth.role () returns text language sql stable as $$ select auth.jwt() ->> 'role' $$;
create or replace function auth.email () returns text language sql stable as $$ select auth.jwt() ->> 'email' $$;
