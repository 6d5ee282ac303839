-- One row per fact about a database: the object, the part of it, and how that part is. Parameter: the shared tables.

with relation as (
  select
    class.oid, quote_ident(space.nspname) || '.' || quote_ident(class.relname) as object, class.relkind as kind,
    class.relrowsecurity as row_security, class.reloptions as options,
    quote_ident(space.nspname) || '.' || quote_ident(class.relname) = any (%s::text[]) as shared
  from pg_catalog.pg_class class
  join pg_catalog.pg_namespace space on space.oid = class.relnamespace
  where space.nspname in ('public', 'nexscout') and class.relkind in ('r', 'p', 'v')
    -- What `nexscout migrate` keeps for itself; the Supabase CLI makes no such table.
    and not (space.nspname = 'nexscout' and class.relname = 'migration_files')
), key as (
  select unnest(array['anon', 'authenticated', 'service_role']) as role
)

select relation.object, 'row security', case when relation.row_security then 'on' else 'off' end
from relation where relation.kind <> 'v'

union all
select relation.object, 'view', case
  when 'security_invoker=true' = any (relation.options) then 'with the rights of who reads' else 'with the rights of its owner' end
from relation where relation.kind = 'v'

union all
select relation.object, 'granted to ' || key.role, coalesce(string_agg(privilege.name, ', ' order by privilege.place), 'nothing')
from relation
cross join key
left join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) with ordinality as privilege (name, place)
  on has_table_privilege(key.role, relation.oid, privilege.name)
where not relation.shared
group by relation.object, key.role

union all
select relation.object, 'column ' || quote_ident(col.attname),
  pg_catalog.format_type(col.atttypid, col.atttypmod)
  || case when col.attnotnull then ' not null' else '' end
  || case
    when def.adbin is null then ''
    -- The app's own long defaults; what they contain is not ours to say.
    when relation.shared and col.atttypid = 'pg_catalog.jsonb'::regtype then ' default some object'
    else ' default ' || replace(pg_catalog.pg_get_expr(def.adbin, def.adrelid), 'extensions.uuid_generate_v4()', 'gen_random_uuid()')
  end
from relation
join pg_catalog.pg_attribute col on col.attrelid = relation.oid and col.attnum > 0 and not col.attisdropped
left join pg_catalog.pg_attrdef def on def.adrelid = col.attrelid and def.adnum = col.attnum

union all
select relation.object, 'constraint ' || pg_catalog.pg_get_constraintdef(rule.oid),
  case when rule.convalidated then 'valid' else 'not checked for all rows' end
from relation
join pg_catalog.pg_constraint rule on rule.conrelid = relation.oid and rule.contype in ('c', 'f', 'p', 'u', 'x')
-- The app adds types of notifications as it grows, and of its table of administrators only the user's id is known.
where relation.object <> 'public.admin_users'
  and not (relation.object = 'public.notifications' and position('hot_lead' in pg_catalog.pg_get_constraintdef(rule.oid)) > 0)

union all
select distinct relation.object,
  'index ' || case when relation.shared
    then 'that begins with ' || coalesce(quote_ident(lead.attname), pg_catalog.pg_get_indexdef(class.oid, 1, true)) else quote_ident(class.relname) end,
  case when relation.shared then 'there' else pg_catalog.pg_get_indexdef(class.oid) end
from relation
join pg_catalog.pg_index known on known.indrelid = relation.oid
join pg_catalog.pg_class class on class.oid = known.indexrelid
left join pg_catalog.pg_attribute lead on lead.attrelid = relation.oid and lead.attnum = known.indkey[0]
where not exists (select from pg_catalog.pg_constraint rule where rule.conindid = class.oid)

union all
select relation.object, 'policy ' || quote_ident(policy.polname),
  case when policy.polpermissive then 'permissive' else 'restrictive' end
  || ' for ' || case policy.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end
  || ' to ' || (
    select string_agg(case when member = 0 then 'public' else pg_catalog.pg_get_userbyid(member)::text end, ', ' order by member)
    from unnest(policy.polroles) as member
  )
  || coalesce(' using (' || pg_catalog.pg_get_expr(policy.polqual, policy.polrelid) || ')', '')
  || coalesce(' with check (' || pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid) || ')', '')
from relation
join pg_catalog.pg_policy policy on policy.polrelid = relation.oid

union all
select relation.object, 'trigger ' || quote_ident(act.tgname),
  pg_catalog.pg_get_triggerdef(act.oid) || case when act.tgenabled = 'O' then '' else ' (not enabled)' end
from relation
join pg_catalog.pg_trigger act on act.tgrelid = relation.oid and not act.tgisinternal

union all
select
  case when space.nspname = 'public' then 'public.' else 'nexscout' end || case
    when space.nspname = 'public'
      then quote_ident(proc.proname) || '(' || pg_catalog.oidvectortypes(proc.proargtypes) || ')' else '' end,
  case when space.nspname = 'public' then 'function'
    else 'function ' || quote_ident(proc.proname) || '(' || pg_catalog.oidvectortypes(proc.proargtypes) || ')' end,
  -- The app's own where it has one, ours where it has none.
  case when proc.proname = 'get_user_from_chatbot_id' then 'there' else
  'returns ' || pg_catalog.pg_get_function_result(proc.oid) || ', language ' || lang.lanname
  || case proc.provolatile when 'i' then ', immutable' when 's' then ', stable' else ', volatile' end
  || case when proc.prosecdef then ', with the rights of its owner' else ', with the rights of who calls' end
  || coalesce(', ' || array_to_string(proc.proconfig, ', '), '')
  || ', for ' || coalesce((
    select string_agg(key.role, ', ' order by key.role) from key where has_function_privilege(key.role, proc.oid, 'execute')
  ), 'nobody')
  || ', body ' || md5(proc.prosrc) end
from pg_catalog.pg_proc proc
join pg_catalog.pg_namespace space on space.oid = proc.pronamespace
join pg_catalog.pg_language lang on lang.oid = proc.prolang
where space.nspname in ('public', 'nexscout') and proc.prokind in ('f', 'p')

union all
select 'nexscout', 'type ' || quote_ident(kind.typname), string_agg(label.enumlabel, ', ' order by label.enumsortorder)
from pg_catalog.pg_type kind
join pg_catalog.pg_namespace space on space.oid = kind.typnamespace
join pg_catalog.pg_enum label on label.enumtypid = kind.oid
where space.nspname = 'nexscout'
group by kind.typname

union all
select 'nexscout', 'schema', 'open to ' || coalesce(string_agg(key.role, ', ' order by key.role), 'nobody')
from pg_catalog.pg_namespace space
left join key on has_schema_privilege(key.role, space.oid, 'usage')
where space.nspname = 'nexscout'
group by space.nspname
