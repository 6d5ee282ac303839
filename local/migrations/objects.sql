-- One row for each object that the source defines or grants: its kind, its name in the source, its identity in the database,
-- what cannot change in place, how it is, what each key may do with it, and its comment.

with key (role, place) as (
  values ('public', 0), ('anon', 1), ('authenticated', 2), ('service_role', 3)
), space as (
  select oid, nspname from pg_catalog.pg_namespace where nspname in ('public', 'nexscout')
), relation as (
  select class.oid, class.relkind, class.reloptions, class.relacl, class.relowner,
    quote_ident(space.nspname) || '.' || quote_ident(class.relname) as name
  from pg_catalog.pg_class class join space on space.oid = class.relnamespace
  where class.relkind in ('r', 'p', 'v') and not (space.nspname = 'nexscout' and class.relname = 'migration_files')
)

select 'function', space.nspname || '.' || quote_ident(proc.proname), proc.oid::regprocedure::text,
  pg_catalog.pg_get_function_result(proc.oid) || ' from ' || pg_catalog.pg_get_function_arguments(proc.oid),
  pg_catalog.pg_get_functiondef(proc.oid),
  (
    select string_agg(key.role || ': ' || 'execute', '; ' order by key.place)
    from key
    where exists (
      select from pg_catalog.aclexplode(coalesce(proc.proacl, pg_catalog.acldefault('f', proc.proowner))) acl
      where case acl.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(acl.grantee) end = key.role
    )
  ),
  pg_catalog.obj_description(proc.oid, 'pg_proc')
from pg_catalog.pg_proc proc join space on space.oid = proc.pronamespace
where proc.prokind in ('f', 'p')

union all
select case relation.relkind when 'v' then 'view' else 'table' end, relation.name, relation.name,
  case when relation.relkind = 'v' then (
    select string_agg(quote_ident(col.attname) || ' ' || pg_catalog.format_type(col.atttypid, col.atttypmod), ', '
      order by col.attnum)
    from pg_catalog.pg_attribute col where col.attrelid = relation.oid and col.attnum > 0
  ) end,
  case when relation.relkind = 'v' then pg_catalog.pg_get_viewdef(relation.oid) || relation.reloptions::text end,
  (
    select string_agg(held.role || ': ' || held.verbs, '; ' order by held.place)
    from (
      select key.role, key.place, string_agg(lower(acl.privilege_type), ', ' order by acl.privilege_type) as verbs
      from pg_catalog.aclexplode(coalesce(relation.relacl, pg_catalog.acldefault('r', relation.relowner))) acl
      join key on key.role = case acl.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(acl.grantee) end
      -- MAINTAIN is unknown to older servers.
      where acl.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER')
      group by key.role, key.place
    ) held
  ),
  case when relation.relkind = 'v' then pg_catalog.obj_description(relation.oid, 'pg_class') end
from relation

union all
select 'policy', on_table.name || ' "' || policy.polname || '"',
  quote_ident(policy.polname) || ' on ' || on_table.name, null,
  case when policy.polpermissive then 'permissive' else 'restrictive' end || ' for ' || policy.polcmd::text || ' to '
  || (
    select string_agg(case when member = 0 then 'public' else pg_catalog.pg_get_userbyid(member)::text end, ', ' order by member)
    from unnest(policy.polroles) as member
  )
  || coalesce(' using ' || pg_catalog.pg_get_expr(policy.polqual, policy.polrelid), '')
  || coalesce(' with check ' || pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid), ''),
  null, null
from pg_catalog.pg_policy policy
join (
  select class.oid, space.nspname || '.' || quote_ident(class.relname) as name
  from pg_catalog.pg_class class join pg_catalog.pg_namespace space on space.oid = class.relnamespace
  where space.nspname in ('public', 'nexscout', 'storage')
) on_table on on_table.oid = policy.polrelid

union all
select 'trigger', relation.name || ' ' || act.tgname, quote_ident(act.tgname) || ' on ' || relation.name, null,
  pg_catalog.pg_get_triggerdef(act.oid) || ' ' || act.tgenabled::text, null, null
from pg_catalog.pg_trigger act join relation on relation.oid = act.tgrelid
where not act.tgisinternal

union all
select 'schema', 'nexscout', 'nexscout', null, null,
  (
    select string_agg(key.role || ': usage', '; ' order by key.place)
    from key
    where exists (
      select from pg_catalog.aclexplode(known.nspacl) acl
      where acl.privilege_type = 'USAGE'
        and case acl.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(acl.grantee) end = key.role
    )
  ),
  null
from pg_catalog.pg_namespace known where known.nspname = 'nexscout'
