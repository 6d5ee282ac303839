-- Who administers: rows of admin_users, which callers may not read.

create or replace function nexscout.is_admin () returns boolean
language sql stable security definer
set search_path = ''
as $$
  select exists (select from public.admin_users where admin_users.user_id = auth.uid())
$$;
comment on function nexscout.is_admin () is
  'True when the caller is an administrator. Definer rights: policies ask it, and callers may not read the list of administrators.';
