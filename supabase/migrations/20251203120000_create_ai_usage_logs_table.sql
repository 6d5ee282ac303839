-- One row per AI call, one child row per request that went to a provider.
-- A database may record this version as applied although it failed there: the next file repeats this one.

do $$
declare
  item record;
begin
  -- An older table of the same name has other columns; it is kept under another name with all its rows.
  if exists (
    select 1 from information_schema.columns
    where table_schema = 'public' and table_name = 'ai_usage_logs' and column_name = 'feature_type'
  ) then
    alter table public.ai_usage_logs rename to ai_usage_logs_legacy;
    for item in
      select conname from pg_catalog.pg_constraint
      where conrelid = 'public.ai_usage_logs_legacy'::regclass and conname like '%ai\_usage\_logs%'
    loop
      execute format('alter table public.ai_usage_logs_legacy rename constraint %I to %I',
        item.conname, replace(item.conname, 'ai_usage_logs', 'ai_usage_logs_legacy'));
    end loop;
    for item in
      select c.relname from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
      where i.indrelid = 'public.ai_usage_logs_legacy'::regclass
        and c.relname like '%ai\_usage\_logs%' and c.relname not like '%ai\_usage\_logs\_legacy%'
    loop
      execute format('alter index public.%I rename to %I',
        item.relname, replace(item.relname, 'ai_usage_logs', 'ai_usage_logs_legacy'));
    end loop;
  end if;
end
$$;

create table if not exists public.ai_usage_logs (
  id uuid primary key default gen_random_uuid(),
  request_id uuid not null unique,
  user_id uuid not null references auth.users (id) on delete cascade,
  workspace_id uuid references auth.users (id) on delete set null,
  prospect_id uuid,
  function_name text not null,
  action text not null,
  provider text,
  model text,
  requested_model text,
  tokens_prompt integer not null default 0 check (tokens_prompt >= 0),
  tokens_completion integer not null default 0 check (tokens_completion >= 0),
  tokens_total integer not null default 0 check (tokens_total >= 0),
  tokens_cached integer not null default 0 check (tokens_cached >= 0),
  tokens_reasoning integer not null default 0 check (tokens_reasoning >= 0),
  cost_usd numeric(20, 12) not null default 0 check (cost_usd >= 0),
  cost_estimated boolean not null default false,
  energy_consumed integer not null default 0 check (energy_consumed >= 0),
  coins_consumed integer not null default 0 check (coins_consumed >= 0),
  latency_ms integer check (latency_ms >= 0),
  retry_count integer not null default 0 check (retry_count >= 0),
  fallback_used boolean not null default false,
  downgrade_reason text,
  prompt_version text,
  success boolean not null,
  error_code text,
  error_message text,
  shadow boolean not null default false,
  created_at timestamptz not null default now()
);

comment on table public.ai_usage_logs is 'One row per AI call, delivered or not; written by the service alone';
comment on column public.ai_usage_logs.request_id is 'The call; the same id as in ai_requests and in the reply';
comment on column public.ai_usage_logs.user_id is 'Who pays: the signed-in caller, or the owner of the workspace that a visitor wrote to';
comment on column public.ai_usage_logs.workspace_id is 'The owner of the workspace';
comment on column public.ai_usage_logs.prospect_id is 'No foreign key on purpose: the row outlives a deleted prospect';
comment on column public.ai_usage_logs.requested_model is 'The model or class that was asked for';
comment on column public.ai_usage_logs.tokens_prompt is 'Sum over the attempts, cached tokens included';
comment on column public.ai_usage_logs.tokens_completion is 'Sum over the attempts, reasoning tokens included';
comment on column public.ai_usage_logs.cost_usd is 'USD over all attempts, twelve decimals, as the provider bills';
comment on column public.ai_usage_logs.cost_estimated is 'True when the usage of an attempt is unknown and its upper bound was taken';
comment on column public.ai_usage_logs.energy_consumed is 'Energy charged; 0 when nothing was delivered';
comment on column public.ai_usage_logs.downgrade_reason is 'Why another model than the requested one was served';
comment on column public.ai_usage_logs.shadow is
  'True for a copy of a call that another function answered: its USD were spent, but it is no use of the user''s';
comment on column public.ai_usage_logs.error_code is 'The stable code of the reply; abandoned when the call never came back';

create index if not exists ai_usage_logs_user_created_idx on public.ai_usage_logs (user_id, created_at desc);
create index if not exists ai_usage_logs_workspace_created_idx on public.ai_usage_logs (workspace_id, created_at desc);
create index if not exists ai_usage_logs_prospect_idx on public.ai_usage_logs (prospect_id) where prospect_id is not null;
create index if not exists ai_usage_logs_action_created_idx on public.ai_usage_logs (action, created_at desc);
create index if not exists ai_usage_logs_model_created_idx on public.ai_usage_logs (model, created_at desc);
create index if not exists ai_usage_logs_cost_created_idx on public.ai_usage_logs (cost_usd desc, created_at desc);
create index if not exists ai_usage_logs_errors_idx on public.ai_usage_logs (created_at desc, error_code) where not success;

create table if not exists public.ai_usage_attempts (
  request_id uuid not null,
  ordinal integer not null check (ordinal >= 1),
  user_id uuid not null references auth.users (id) on delete cascade,
  provider text not null,
  model text not null,
  state text not null default 'intended' check (state in ('intended', 'succeeded', 'failed', 'unknown')),
  tokens_prompt integer not null default 0 check (tokens_prompt >= 0),
  tokens_completion integer not null default 0 check (tokens_completion >= 0),
  tokens_cached integer not null default 0 check (tokens_cached >= 0),
  tokens_reasoning integer not null default 0 check (tokens_reasoning >= 0),
  cost_bound_usd numeric(20, 12) not null check (cost_bound_usd >= 0),
  cost_usd numeric(20, 12) not null default 0 check (cost_usd >= 0),
  cost_estimated boolean not null default false,
  cost_method text,
  http_status integer,
  error_code text,
  provider_request_id text,
  latency_ms integer check (latency_ms >= 0),
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (request_id, ordinal)
);
comment on table public.ai_usage_attempts is
  'One row per request to a provider, noted before it is sent; the costs of one request_id sum to its ai_usage_logs row';
comment on column public.ai_usage_attempts.state is
  'intended: may be on its way; succeeded, failed: what came back; unknown: the process died, the upper bound is recorded';
comment on column public.ai_usage_attempts.cost_bound_usd is 'The most that this attempt can cost';
comment on column public.ai_usage_attempts.cost_method is
  'reported: from the provider''s usage; not_billed: never accepted by the provider; upper_bound or partial: an estimate';
create index if not exists ai_usage_attempts_user_created_idx on public.ai_usage_attempts (user_id, created_at desc);

alter table public.ai_usage_logs enable row level security;
alter table public.ai_usage_attempts enable row level security;
revoke all on public.ai_usage_logs, public.ai_usage_attempts from anon;
revoke insert, update, delete, truncate, references, trigger
  on public.ai_usage_logs, public.ai_usage_attempts from authenticated;

drop policy if exists "Users, workspace owners and administrators read usage" on public.ai_usage_logs;
create policy "Users, workspace owners and administrators read usage" on public.ai_usage_logs
  for select to authenticated
  using (user_id = (select auth.uid()) or workspace_id = (select auth.uid()) or (select nexscout.is_admin()));
drop policy if exists "Users and administrators read attempts" on public.ai_usage_attempts;
create policy "Users and administrators read attempts" on public.ai_usage_attempts
  for select to authenticated
  using (user_id = (select auth.uid()) or (select nexscout.is_admin()));

create or replace function nexscout.may_read_usage_of(p_user_id uuid) returns boolean
language sql stable set search_path = '' as $$
  select current_user not in ('anon', 'authenticated')
    or coalesce(p_user_id = (select auth.uid()), false)
    or coalesce((select nexscout.is_admin()), false)
$$;
comment on function nexscout.may_read_usage_of is 'True for the user, an administrator and the service';

create or replace function public.get_user_total_ai_cost(p_user_id uuid) returns numeric
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.cost_usd), 0) from public.ai_usage_logs l where l.user_id = p_user_id and not l.shadow)
  end
$$;
comment on function public.get_user_total_ai_cost is
  'USD that a user''s calls have cost; null when the caller is neither that user nor an administrator';

create or replace function public.get_user_monthly_ai_cost(p_user_id uuid, p_at timestamptz default now()) returns numeric
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.cost_usd), 0) from public.ai_usage_logs l
     where l.user_id = p_user_id and not l.shadow
       and l.created_at >= nexscout.month_start(p_at)
       and l.created_at < nexscout.month_start(nexscout.month_start(p_at) + interval '32 days'))
  end
$$;
comment on function public.get_user_monthly_ai_cost is
  'USD of a user''s calls in the month of p_at (policy time zone); null when it is not the caller''s to know';

create or replace function public.get_user_monthly_tokens(p_user_id uuid, p_at timestamptz default now()) returns bigint
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.tokens_total), 0)::bigint from public.ai_usage_logs l
     where l.user_id = p_user_id and not l.shadow
       and l.created_at >= nexscout.month_start(p_at)
       and l.created_at < nexscout.month_start(nexscout.month_start(p_at) + interval '32 days'))
  end
$$;
comment on function public.get_user_monthly_tokens is
  'Tokens of a user''s calls in the month of p_at (policy time zone); null when it is not the caller''s to know';

revoke all on function nexscout.may_read_usage_of(uuid), public.get_user_total_ai_cost(uuid),
  public.get_user_monthly_ai_cost(uuid, timestamptz), public.get_user_monthly_tokens(uuid, timestamptz) from public, anon;
grant execute on function nexscout.may_read_usage_of(uuid), public.get_user_total_ai_cost(uuid),
  public.get_user_monthly_ai_cost(uuid, timestamptz), public.get_user_monthly_tokens(uuid, timestamptz)
  to authenticated, service_role;
-- The monthly functions run with the caller's rights and need the month; its policy row holds nothing private.
grant execute on function nexscout.month_start(timestamptz), nexscout.day_of(timestamptz) to authenticated;
drop policy if exists "Signed-in users read the policy" on public.ai_policy;
create policy "Signed-in users read the policy" on public.ai_policy
  for select to authenticated using ((select auth.uid()) is not null);

create or replace view public.daily_ai_usage_summary with (security_invoker = true) as
select
  nexscout.day_of(created_at) as day,
  user_id,
  action,
  count(*) as calls,
  count(*) filter (where success) as succeeded,
  sum(tokens_total) as tokens_total,
  sum(cost_usd) as cost_usd,
  sum(energy_consumed) as energy_consumed
from public.ai_usage_logs
where not shadow
group by 1, 2, 3;
comment on view public.daily_ai_usage_summary is 'Calls, tokens, USD and energy per day (policy time zone), user and action';

create or replace view public.monthly_ai_usage_by_user with (security_invoker = true) as
select
  date_trunc('month', nexscout.day_of(created_at)::timestamp)::date as month,
  user_id,
  count(*) as calls,
  count(*) filter (where success) as succeeded,
  sum(tokens_prompt) as tokens_prompt,
  sum(tokens_completion) as tokens_completion,
  sum(tokens_total) as tokens_total,
  sum(cost_usd) as cost_usd,
  sum(energy_consumed) as energy_consumed,
  sum(coins_consumed) as coins_consumed
from public.ai_usage_logs
where not shadow
group by 1, 2;
comment on view public.monthly_ai_usage_by_user is 'Calls, tokens, USD, energy and coins per month (policy time zone) and user';

create or replace view public.ai_model_usage_stats with (security_invoker = true) as
select
  provider,
  model,
  count(*) as calls,
  count(*) filter (where success) as succeeded,
  round(avg(latency_ms) filter (where success)) as average_latency_ms,
  percentile_cont(0.95) within group (order by latency_ms) filter (where success) as p95_latency_ms,
  sum(tokens_total) as tokens_total,
  sum(tokens_cached) as tokens_cached,
  sum(cost_usd) as cost_usd,
  count(*) filter (where fallback_used) as fallbacks,
  count(*) filter (where downgrade_reason is not null) as downgrades
from public.ai_usage_logs
where model is not null and not shadow
group by 1, 2;
comment on view public.ai_model_usage_stats is 'Success, latency, tokens and USD per provider and model';

revoke all on public.daily_ai_usage_summary, public.monthly_ai_usage_by_user, public.ai_model_usage_stats from anon;
revoke insert, update, delete, truncate, references, trigger
  on public.daily_ai_usage_summary, public.monthly_ai_usage_by_user, public.ai_model_usage_stats from authenticated;
grant select on public.daily_ai_usage_summary, public.monthly_ai_usage_by_user, public.ai_model_usage_stats
  to authenticated, service_role;
