-- A request and its hold are one row.

do $$
begin
  create type nexscout.outcome as enum (
    'reserved', 'replayed', 'in_progress', 'idempotency_conflict', 'unknown_account', 'unknown_action',
    'upgrade_required', 'insufficient_energy', 'insufficient_coins', 'spend_cap_reached', 'visitor_cap_reached',
    'rate_limited', 'noted', 'settled', 'released', 'expired', 'already_settled', 'already_released',
    'unknown_request', 'session_not_found', 'chatbot_not_found', 'conversation_not_found',
    'accepted', 'queued', 'running', 'done', 'failed', 'stored', 'already_stored', 'blocks_open', 'lease_lost',
    'scan_not_found'
  );
exception when duplicate_object then null;
end
$$;
comment on type nexscout.outcome is
  'The closed set of answers of the money, chat and scan functions; the same names in shared/ai/money/outcomes.py';

create table if not exists public.ai_charge_groups (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  action text not null,
  group_key text not null,
  opened_at timestamptz not null,
  charged_at timestamptz,
  charged_energy integer check (charged_energy >= 0),
  charged_coins integer check (charged_coins >= 0)
);
comment on table public.ai_charge_groups is
  'Calls of one transactionId that are charged once: by the first that succeeds, for at most calls_per_charge calls and charge_group_minutes';
comment on column public.ai_charge_groups.charged_energy is
  'What the group has paid for; a call of a dearer class that was on its way by then adds the difference';
create index if not exists ai_charge_groups_user_idx
  on public.ai_charge_groups (user_id, action, group_key, opened_at desc);

create table if not exists public.ai_requests (
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  workspace_id uuid not null,
  function_name text not null,
  action text not null,
  units integer not null check (units >= 1),
  state text not null default 'held' check (state in ('held', 'settled', 'released', 'expired')),
  provider text not null,
  model text not null,
  model_class text not null,
  requested_model text,
  downgrade_reason text,
  prompt_version text,
  prospect_id uuid,
  class_energy jsonb not null,
  class_coins jsonb not null,
  energy_held integer not null check (energy_held >= 0),
  energy_charged integer not null default 0 check (energy_charged >= 0),
  coins_held integer not null check (coins_held >= 0),
  coins_charged integer not null default 0 check (coins_charged >= 0),
  cost_held_usd numeric(20, 12) not null check (cost_held_usd >= 0),
  cost_usd numeric(20, 12) check (cost_usd >= 0),
  idempotency_scope text not null default '',
  idempotency_key text,
  body_hash text,
  group_id uuid references public.ai_charge_groups (id) on delete set null,
  visitor_session_id uuid,
  visitor_address_hash text,
  reply jsonb,
  reply_status integer,
  storage_error text,
  shadow boolean not null default false,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  resolved_at timestamptz,
  swept_at timestamptz
);
comment on table public.ai_requests is
  'A call and its hold: held, then settled (delivered and charged), released (all given back) or expired (never came back)';
comment on column public.ai_requests.class_energy is 'Energy of the whole call in each class, as priced at the reservation';
comment on column public.ai_requests.cost_held_usd is 'Upper bound in USD over all attempts; caps compare spent plus held';
comment on column public.ai_requests.cost_usd is 'USD over the recorded attempts; null while the call is open or not yet swept';
comment on column public.ai_requests.expires_at is 'By the database clock; from then on the hold binds nothing';
comment on column public.ai_requests.reply is 'The reply of a settled call, for replays, kept for reply_retention_hours';
comment on column public.ai_requests.shadow is
  'True for a copy of a call that another function answers: it holds and charges nothing, counts for no limit of anybody and leaves no other row';
comment on column public.ai_requests.storage_error is 'SQLSTATE with which the database refused the feature''s own rows';
create unique index if not exists ai_requests_idempotency_idx
  on public.ai_requests (user_id, idempotency_scope, idempotency_key)
  where idempotency_key is not null and state in ('held', 'settled');
create index if not exists ai_requests_held_idx on public.ai_requests (user_id, expires_at) where state = 'held';
create index if not exists ai_requests_unswept_idx on public.ai_requests (expires_at)
  where state = 'held' or (state = 'expired' and swept_at is null);
create index if not exists ai_requests_user_created_idx on public.ai_requests (user_id, created_at desc);
create index if not exists ai_requests_workspace_created_idx on public.ai_requests (workspace_id, created_at desc);
create index if not exists ai_requests_group_idx on public.ai_requests (group_id) where group_id is not null;
create index if not exists ai_requests_visitor_session_idx
  on public.ai_requests (visitor_session_id, created_at desc) where visitor_session_id is not null;
create index if not exists ai_requests_visitor_address_idx
  on public.ai_requests (workspace_id, visitor_address_hash, created_at desc) where visitor_address_hash is not null;
create index if not exists ai_requests_shadow_created_idx on public.ai_requests (created_at) where shadow;
create index if not exists ai_requests_stored_reply_idx
  on public.ai_requests (resolved_at) where reply is not null or idempotency_key is not null;

do $$
begin
  alter table public.ai_usage_attempts add constraint ai_usage_attempts_request_id_fkey
    foreign key (request_id) references public.ai_requests (id) on delete cascade;
exception when duplicate_object then null;
end
$$;

alter table public.ai_requests enable row level security;
alter table public.ai_charge_groups enable row level security;
