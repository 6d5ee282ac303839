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
create index if not exists ai_usage_attempts_created_idx on public.ai_usage_attempts (created_at);

alter table public.ai_usage_logs enable row level security;
alter table public.ai_usage_attempts enable row level security;
