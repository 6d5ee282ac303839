-- The app's tables of scans, of what was generated, and of energy and coins.

create table if not exists public.scans (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  created_at timestamptz default now(),
  completed_at timestamptz,
  status text default 'pending' check (status in ('pending', 'processing', 'completed', 'failed')),
  sources jsonb default '{}',
  smartness_delta integer default 0,
  total_items integer default 0,
  hot_leads integer default 0,
  warm_leads integer default 0,
  cold_leads integer default 0,
  prospect_ids uuid[] default array[]::uuid[],
  screenshot_count integer default 0,
  file_count integer default 0,
  text_count integer default 0,
  connected_account_count integer default 0,
  metadata jsonb default '{}',
  pipeline_state text default 'queued',
  ocr_confidence numeric(5,2),
  taglish_score numeric(5,2),
  language_mix jsonb default '{}',
  processing_metadata jsonb default '{}',
  estimated_completion_time timestamptz
);

create table if not exists public.scan_status (
  id uuid primary key default gen_random_uuid(),
  scan_id uuid not null references public.scans (id) on delete cascade,
  step text not null,
  percent integer not null default 0,
  message text,
  updated_at timestamptz default now()
);

create table if not exists public.scan_processed_items (
  id uuid primary key default gen_random_uuid(),
  scan_id uuid references public.scans (id) on delete cascade,
  type text not null check (type in ('text', 'post', 'friend', 'event', 'interest')),
  name text,
  content text,
  score numeric(5,2) default 0,
  source_image_id uuid,
  raw_ocr_text text,
  detected_numbers jsonb default '[]',
  metadata jsonb default '{}',
  created_at timestamptz default now()
);

create table if not exists public.scan_results (
  id uuid primary key default gen_random_uuid(),
  scan_id uuid not null unique references public.scans (id) on delete cascade,
  prospects jsonb default '[]',
  created_at timestamptz default now()
);

create table if not exists public.ai_generations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  prospect_id uuid references public.prospects (id) on delete set null,
  generation_type text not null,
  input_data jsonb default '{}',
  prompt_hash text,
  output_text text,
  output_data jsonb default '{}',
  model_used text default 'rule-based-v1',
  tokens_used integer default 0,
  cost_usd numeric(10,6) default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table if not exists public.coin_transactions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  type text not null,
  trigger text not null,
  coins integer not null,
  balance_after integer not null,
  metadata jsonb,
  created_at timestamp default now()
);

create table if not exists public.user_energy (
  user_id uuid primary key references auth.users (id) on delete cascade,
  current_energy integer not null default 100,
  max_energy integer not null default 100,
  last_reset timestamptz default now(),
  tier text not null default 'free',
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  streak_days integer default 0,
  inactivity_days integer default 0,
  last_activity_at timestamptz default now(),
  regen_multiplier numeric default 1.0,
  surge_multiplier numeric default 1.0,
  last_regen_at timestamptz default now(),
  next_regen_at timestamptz default (now() + interval '1 hour'),
  regen_rate_per_hour integer default 1,
  daily_token_budget integer default 5000,
  tokens_used_today integer default 0,
  last_token_reset date default current_date,
  compression_mode_enabled boolean default false,
  spike_warnings_count integer default 0,
  efficiency_rating numeric default 1.0,
  preferred_mode text default 'auto',
  avg_token_per_request integer default 0,
  predicted_daily_usage integer default 0,
  model_mode text default 'auto'
);

create table if not exists public.energy_transactions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete cascade,
  type text not null,
  reason text not null,
  energy integer not null,
  balance_after integer not null,
  created_at timestamp default now()
);

create table if not exists public.energy_costs (
  id uuid primary key default gen_random_uuid(),
  feature text not null unique,
  energy_cost integer not null,
  description text,
  created_at timestamptz default now()
);
