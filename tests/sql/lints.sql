-- Each query names what breaks a rule, one row a breach. "Ours" are the tables that the app did not have before: %(shared)s are its own.
-- lint: row security is off
select class.oid::regclass::text
from pg_class class
where class.relnamespace in ('public'::regnamespace, 'nexscout'::regnamespace) and class.relkind in ('r', 'p')
  and not class.relrowsecurity

-- lint: policy on a table of ours is always true
select policy.polrelid::regclass || ' ' || policy.polname
from pg_policy policy
where policy.polrelid::regclass::text <> all (%(shared)s)
  and 'true' in (pg_get_expr(policy.polqual, policy.polrelid), pg_get_expr(policy.polwithcheck, policy.polrelid))

-- lint: search path of a function is the caller's
select proc.oid::regprocedure::text
from pg_proc proc
where proc.pronamespace in ('public'::regnamespace, 'nexscout'::regnamespace)
  and not exists (select from unnest(proc.proconfig) as setting where starts_with(setting, 'search_path='))

-- lint: function with its owner's rights is open to a client key in an exposed schema
select proc.oid::regprocedure::text
from pg_proc proc
where proc.pronamespace = 'public'::regnamespace and proc.prosecdef
  and (has_function_privilege('anon', proc.oid, 'execute') or has_function_privilege('authenticated', proc.oid, 'execute'))

-- lint: policy of ours asks who the caller is for every row
select policy.polrelid::regclass || ' ' || policy.polname
from pg_policy policy
cross join lateral regexp_replace(
  concat(pg_get_expr(policy.polqual, policy.polrelid), pg_get_expr(policy.polwithcheck, policy.polrelid)),
  '\( SELECT (auth|nexscout)\.\w+\(\) AS \w+\)', '', 'g'
) as rest
where policy.polrelid::regclass::text <> all (%(shared)s) and rest ~ '(auth|nexscout)\.\w+\('

-- lint: foreign key of ours has no index
select rule.conrelid::regclass || ' ' || pg_get_constraintdef(rule.oid)
from pg_constraint rule
where rule.contype = 'f' and rule.connamespace = 'public'::regnamespace
  and rule.conrelid::regclass::text <> all (%(shared)s)
  and not exists (
    select from pg_index known
    join pg_attribute col on col.attrelid = known.indrelid and col.attnum = rule.conkey[1]
    where known.indrelid = rule.conrelid and (known.indkey::int2[])[0:cardinality(rule.conkey) - 1] @> rule.conkey
      -- A search for a value finds it in an index of all values.
      and coalesce(pg_get_expr(known.indpred, known.indrelid), '') in ('', '(' || quote_ident(col.attname) || ' IS NOT NULL)')
  )

-- lint: column that a policy of ours compares has no index
select policy.polrelid::regclass || ' ' || col.attname
from pg_policy policy
join pg_depend used on used.classid = 'pg_policy'::regclass and used.objid = policy.oid and used.refobjid = policy.polrelid
join pg_attribute col on col.attrelid = policy.polrelid and col.attnum = used.refobjsubid
where policy.polrelid::regclass::text <> all (%(shared)s)
  and not exists (
    select from pg_index known where known.indrelid = policy.polrelid and known.indpred is null and known.indkey[0] = col.attnum
  )

-- lint: policies of ours share a verb and a role
select policy.polrelid::regclass || ' ' || policy.polcmd::text || ' ' || role::regrole
from pg_policy policy
cross join unnest(policy.polroles) as role
where policy.polrelid::regclass::text <> all (%(shared)s) and policy.polpermissive
group by policy.polrelid, policy.polcmd, role
having count(*) > 1 or policy.polcmd = '*' or role = 0

-- lint: view reads with its owner's rights
select class.oid::regclass::text
from pg_class class
where class.relnamespace in ('public'::regnamespace, 'nexscout'::regnamespace) and class.relkind in ('v', 'm')
  and not coalesce('security_invoker=true' = any (class.reloptions), false)
