-- The tables that the functions read or write, in the shape the hosted project already has. On an empty project this file creates them; on
-- the hosted one it adds only what is missing and widens two checks. Nothing is dropped but the two checks that it replaces.
--
-- Left out on purpose: vector columns (the extension is not everywhere) and foreign keys to tables that the functions never touch.

create schema if not exists nexscout;
comment on schema nexscout is 'Trigger functions and functions with definer rights; not exposed through the API.';
grant usage on schema nexscout to anon, authenticated, service_role;

create table if not exists public.admin_users (
  user_id uuid not null unique references auth.users (id) on delete cascade
);

create table if not exists public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  email text not null,
  full_name text,
  company text,
  profession text,
  avatar_url text,
  subscription_tier text not null default 'free' check (subscription_tier in ('free', 'starter', 'pro', 'elite', 'team', 'enterprise')),
  coins_balance integer not null default 100 check (coins_balance >= 0),
  streak_days integer not null default 0 check (streak_days >= 0),
  last_active_date date,
  onboarding_completed boolean not null default false,
  onboarding_step text,
  total_prospects_scanned integer not null default 0 check (total_prospects_scanned >= 0),
  total_ai_generations integer not null default 0 check (total_ai_generations >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  subscription_end_date timestamptz,
  monthly_coin_bonus integer default 0,
  daily_scans_used integer default 0,
  daily_messages_used integer default 0,
  weekly_presentations_used integer default 0,
  daily_ads_watched integer default 0,
  last_reset_date date default current_date,
  coin_balance integer default 0,
  daily_coins_earned integer default 0,
  last_daily_reset timestamptz default now(),
  last_weekly_reset timestamptz default now(),
  phone text,
  location text,
  bio text,
  weekly_sequences_used integer default 0,
  last_message_reset_date date default current_date,
  uploaded_image_url text,
  notification_preferences jsonb default '{}',
  energy_balance integer default 0,
  unique_user_id text not null unique,
  operating_mode text default 'hybrid' check (operating_mode in ('autopilot', 'manual', 'hybrid')),
  mode_preferences jsonb default '{}',
  monthly_automation_quota integer default 50,
  automations_used_this_month integer default 0,
  automation_quota_reset_at timestamptz default now()
);

create table if not exists public.workspace_configs (
  workspace_id uuid primary key references auth.users (id) on delete cascade,
  company jsonb default '{}',
  products jsonb default '{"products": []}',
  tone_profile jsonb default '{}',
  funnels jsonb default '{}',
  ai_behavior jsonb default '{}',
  custom_instructions jsonb default '{}',
  ai_pitch_deck jsonb default '{"slides": []}',
  ai_messages jsonb default '{}',
  pipeline jsonb default '{}',
  ai_sequences jsonb default '{}',
  ai_selling_personas jsonb default '{}',
  business_opportunity jsonb default '{}',
  compensation jsonb default '{"levels": [], "planType": "unilevel"}',
  recruiting_flow jsonb default '{}',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table if not exists public.prospects (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  full_name text not null,
  phone text,
  email text,
  status text default 'new' check (status in ('new', 'contacted', 'interested', 'follow_up', 'closed', 'lost')),
  tags text[],
  last_contacted_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  pipeline_stage text default 'discover',
  avatar_seed text,
  social_image_url text,
  uploaded_image_url text,
  company text,
  position text,
  buying_intent_score integer default 0 check (buying_intent_score >= 0 and buying_intent_score <= 100),
  lead_temperature text default 'cold' check (lead_temperature in ('cold', 'warm', 'hot', 'readyToBuy')),
  source text,
  metadata jsonb default '{}'
);

create table if not exists public.company_profiles (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null unique references auth.users (id) on delete cascade,
  company_name text not null,
  company_domain text,
  company_description text,
  industry text,
  company_size text,
  founded_year integer,
  location text,
  products jsonb default '[]',
  faqs jsonb default '[]',
  value_propositions jsonb default '[]',
  target_audience text,
  company_logo_url text,
  website_content text,
  social_media jsonb default '{}',
  ai_enriched_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  website text,
  description text,
  tagline text,
  employee_count text,
  logo_url text,
  ai_generated_description text,
  share_token text unique,
  value_proposition text,
  achievements jsonb default '[]',
  mission text,
  vision text,
  culture text
);

create table if not exists public.products (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  company_id uuid references public.company_profiles (id) on delete set null,
  name text not null,
  product_type text not null default 'product',
  main_category text not null,
  short_description text,
  long_description text,
  primary_promise text,
  key_benefits text[] default array[]::text[],
  ideal_prospect_tags text[] default array[]::text[],
  currency text default 'PHP',
  price_min numeric,
  price_max numeric,
  product_url text,
  sales_page_url text,
  image_url text,
  video_url text,
  intel_enabled boolean default false,
  intel_last_run_at timestamptz,
  competitive_position text,
  strength_score integer default 0,
  team_recommended boolean default false,
  owner_role text,
  active boolean default true,
  tags text[] default array[]::text[],
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  personas jsonb default '[]',
  pains jsonb default '[]',
  desires jsonb default '[]',
  objections jsonb default '[]',
  short_tagline text,
  base_price numeric(12,2),
  is_complete boolean default false,
  wizard_step integer default 1
);

create table if not exists public.company_intelligence_v2 (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  company_id uuid references public.company_profiles (id) on delete cascade,
  company_name text not null,
  primary_url text not null,
  urls_crawled jsonb default '[]',
  raw_html text,
  raw_text text,
  enriched_json jsonb default '{}',
  company_identity jsonb default '{}',
  product_catalog jsonb default '[]',
  seo_signals jsonb default '{}',
  mlm_structure jsonb default '{}',
  brand_voice jsonb default '{}',
  marketing_intelligence jsonb default '{}',
  extracted_keywords text[],
  crawl_quality_score integer default 0,
  pages_crawled integer default 0,
  extraction_completeness jsonb default '{}',
  last_crawled_at timestamptz default now(),
  crawl_duration_ms integer,
  crawler_version text default 'v5.0',
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  lead_flows jsonb default '{}',
  detected_forms jsonb default '[]',
  data_sources text[] default array['html']::text[],
  ocr_data jsonb default '{}',
  form_patterns jsonb default '{}',
  lead_generation_strategy text
);

create table if not exists public.chatbot_settings (
  user_id uuid primary key references auth.users (id) on delete cascade,
  display_name text not null default 'AI Assistant',
  avatar_url text,
  greeting_message text default 'Hi! How can I help you today?',
  tone text default 'professional' check (tone in ('friendly', 'professional', 'persuasive', 'casual', 'taglish')),
  reply_depth text default 'medium' check (reply_depth in ('short', 'medium', 'long')),
  closing_style text default 'warm',
  objection_style text default 'empathetic',
  appointment_rules jsonb default '{}',
  allowed_products jsonb default '[]',
  allowed_services jsonb default '[]',
  ai_personality jsonb default '{}',
  company_id uuid,
  auto_qualify_threshold numeric default 0.7,
  auto_convert_to_prospect boolean default true,
  enabled_channels text[] default array['web']::text[],
  widget_color text default '#3B82F6',
  widget_position text default 'bottom-right',
  business_hours jsonb default '{}',
  away_message text,
  is_active boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  integrations jsonb default '{}',
  custom_system_instructions text,
  use_custom_instructions boolean default false,
  instructions_override_intelligence boolean default false,
  fixed_chatbot_id text unique
);

create table if not exists public.chatbot_links (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  chatbot_id text not null unique,
  custom_slug text unique,
  is_active boolean not null default true,
  total_conversations integer not null default 0,
  total_messages integer not null default 0,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now()
);

create table if not exists public.public_chatbot_training_data (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  category text not null
    check (category in ('company_info', 'product_info', 'service_info', 'pricing', 'faq', 'objection_handler', 'appointment_booking',
      'contact_info', 'support', 'custom')),
  question text not null,
  answer text not null,
  tags text[] default '{}',
  priority integer default 0,
  is_active boolean default true,
  source text default 'manual' check (source in ('manual', 'company_profile', 'company_intelligence', 'auto_generated')),
  source_id uuid,
  auto_synced boolean default false,
  usage_count integer default 0,
  last_used_at timestamptz,
  context_keywords text[] default '{}',
  match_confidence numeric default 1.0,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table if not exists public.public_chat_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  session_slug text not null,
  visitor_name text,
  visitor_email text,
  visitor_phone text,
  channel text default 'web' check (channel in ('web', 'facebook', 'whatsapp', 'viber', 'messenger')),
  ip_address text,
  user_agent text,
  conversation_context jsonb default '{}',
  emotional_state text default 'neutral',
  buying_intent_score numeric default 0.0,
  qualification_score numeric default 0.0,
  message_count integer default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_message_at timestamptz default now(),
  status text default 'active' check (status in ('active', 'archived', 'converted', 'abandoned', 'human_takeover')),
  chatbot_id text,
  visitor_session_id text,
  is_read boolean default false,
  visitor_avatar_seed text,
  current_intent text,
  current_funnel_stage text default 'awareness',
  lead_temperature text default 'cold',
  conversation_state jsonb default '{}',
  buying_signals_detected text[] default array[]::text[],
  last_intent_update timestamptz default now(),
  lead_score integer default 0 check (lead_score >= 0 and lead_score <= 100),
  current_product_id text,
  suggested_product_id text,
  offer_type text check (offer_type in ('upsell', 'downsell', 'crossSell', 'stay')),
  buying_signals_history jsonb default '[]',
  intents_history jsonb default '[]',
  prospect_id uuid references public.prospects (id) on delete set null
);

create table if not exists public.public_chat_messages (
  id uuid primary key default gen_random_uuid(),
  session_id uuid not null references public.public_chat_sessions (id) on delete cascade,
  sender text not null check (sender in ('visitor', 'ai')),
  message text not null,
  ai_emotion text,
  ai_intent text,
  ai_buying_signals text[] default '{}',
  detected_objections text[] default '{}',
  sentiment_score numeric default 0.0,
  urgency_level text default 'low',
  keywords text[] default '{}',
  token_usage integer default 0,
  model_used text,
  metadata jsonb default '{}',
  created_at timestamptz default now()
);

create table if not exists public.chatbot_to_prospect_pipeline (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  prospect_id uuid references public.prospects (id) on delete set null,
  session_id uuid not null references public.public_chat_sessions (id) on delete cascade,
  visitor_id uuid,
  qualification_score numeric default 0.0,
  emotion_primary text,
  emotion_secondary text,
  buying_intent text,
  readiness_stage text default 'awareness',
  detected_pain_points text[] default '{}',
  detected_objections text[] default '{}',
  budget_signals text[] default '{}',
  urgency_signals text[] default '{}',
  conversation_summary text,
  ai_recommendation text,
  pipeline_stage text default 'New Chat Lead',
  converted_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table if not exists public.notifications (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  type text not null check (type in ('hot_lead', 'followup_due', 'sequence_action', 'lead_cooling', 'streak_reminder', 'mission_alert',
    'weekly_report', 'ai_insight', 'scan_complete', 'coin_earned', 'achievement')),
  title text not null,
  message text not null,
  icon text,
  action_url text,
  related_prospect_id uuid references public.prospects (id) on delete cascade,
  related_sequence_id uuid,
  metadata jsonb default '{}',
  priority text default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  is_read boolean default false,
  read_at timestamptz,
  created_at timestamptz default now(),
  expires_at timestamptz,
  category text default 'info' check (category in ('urgent', 'important', 'info', 'success')),
  action_text text,
  is_archived boolean default false
);

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

-- Columns that later hosted variants have and earlier ones may lack.

alter table public.profiles add column if not exists profession text;
alter table public.profiles add column if not exists coin_balance integer default 0;
alter table public.profiles add column if not exists energy_balance integer default 0;
alter table public.prospects add column if not exists status text default 'new'
  check (status in ('new', 'contacted', 'interested', 'follow_up', 'closed', 'lost'));
alter table public.prospects add column if not exists tags text[];
alter table public.prospects add column if not exists last_contacted_at timestamptz;
alter table public.prospects add column if not exists avatar_seed text;
alter table public.prospects add column if not exists social_image_url text;
alter table public.prospects add column if not exists uploaded_image_url text;
alter table public.products add column if not exists personas jsonb default '[]';
alter table public.products add column if not exists pains jsonb default '[]';
alter table public.products add column if not exists desires jsonb default '[]';
alter table public.products add column if not exists objections jsonb default '[]';
alter table public.products add column if not exists short_tagline text;
alter table public.products add column if not exists base_price numeric(12, 2);
alter table public.company_profiles add column if not exists value_proposition text;
alter table public.company_profiles add column if not exists achievements jsonb default '[]';
alter table public.company_profiles add column if not exists mission text;
alter table public.company_profiles add column if not exists vision text;
alter table public.company_profiles add column if not exists culture text;
alter table public.chatbot_settings add column if not exists custom_system_instructions text;
alter table public.chatbot_settings add column if not exists use_custom_instructions boolean default false;
alter table public.chatbot_settings add column if not exists instructions_override_intelligence boolean default false;
alter table public.chatbot_settings add column if not exists fixed_chatbot_id text unique;
alter table public.public_chat_sessions add column if not exists prospect_id uuid references public.prospects (id) on delete set null;
alter table public.notifications add column if not exists category text default 'info'
  check (category in ('urgent', 'important', 'info', 'success'));
alter table public.scans add column if not exists metadata jsonb default '{}';

-- Indexes for what the functions search by and for cascades, where no index begins with the column, whatever its name.

create procedure pg_temp.ensure_index (relation regclass, searched name)
language plpgsql as $$
begin
  if not exists (
    select from pg_index known
    join pg_attribute att on att.attrelid = known.indrelid and att.attnum = known.indkey[0]
    where known.indrelid = relation and known.indpred is null and att.attname = searched
  ) then
    execute format('create index on %s (%I)', relation, searched);
  end if;
end
$$;
call pg_temp.ensure_index('public.prospects', 'user_id');
call pg_temp.ensure_index('public.products', 'user_id');
call pg_temp.ensure_index('public.products', 'company_id');
call pg_temp.ensure_index('public.company_intelligence_v2', 'user_id');
call pg_temp.ensure_index('public.company_intelligence_v2', 'company_id');
call pg_temp.ensure_index('public.chatbot_links', 'user_id');
call pg_temp.ensure_index('public.public_chatbot_training_data', 'user_id');
call pg_temp.ensure_index('public.public_chat_sessions', 'user_id');
call pg_temp.ensure_index('public.public_chat_sessions', 'prospect_id');
call pg_temp.ensure_index('public.public_chat_sessions', 'visitor_session_id');
call pg_temp.ensure_index('public.public_chat_messages', 'session_id');
call pg_temp.ensure_index('public.chatbot_to_prospect_pipeline', 'user_id');
call pg_temp.ensure_index('public.chatbot_to_prospect_pipeline', 'prospect_id');
call pg_temp.ensure_index('public.chatbot_to_prospect_pipeline', 'session_id');
call pg_temp.ensure_index('public.notifications', 'user_id');
call pg_temp.ensure_index('public.notifications', 'related_prospect_id');
call pg_temp.ensure_index('public.scans', 'user_id');
call pg_temp.ensure_index('public.scan_status', 'scan_id');
call pg_temp.ensure_index('public.scan_processed_items', 'scan_id');
call pg_temp.ensure_index('public.ai_generations', 'user_id');
call pg_temp.ensure_index('public.ai_generations', 'prospect_id');
call pg_temp.ensure_index('public.coin_transactions', 'user_id');
call pg_temp.ensure_index('public.energy_transactions', 'user_id');
drop procedure pg_temp.ensure_index (regclass, name);

-- Values the app already uses and the checks refuse: the tier's own default, and a session that a human has taken over.

create procedure pg_temp.widen_check (relation regclass, checked_column name, needed_value text, wide_check text)
language plpgsql as $$
declare
  narrow record;
begin
  for narrow in
    select con.conname
    from pg_constraint con
    join pg_attribute att on att.attrelid = con.conrelid and con.conkey = array[att.attnum]
    where con.conrelid = relation and con.contype = 'c' and att.attname = checked_column
      and pg_get_constraintdef(con.oid) not like '%' || quote_literal(needed_value) || '%'
  loop
    execute format('alter table %s drop constraint %I, add constraint %I check (%s)',
      relation, narrow.conname, narrow.conname, wide_check);
  end loop;
end
$$;
call pg_temp.widen_check('public.profiles', 'subscription_tier', 'free',
  $$subscription_tier in ('free', 'starter', 'pro', 'elite', 'team', 'enterprise')$$);
call pg_temp.widen_check('public.public_chat_sessions', 'status', 'human_takeover',
  $$status in ('active', 'archived', 'converted', 'abandoned', 'human_takeover')$$);
drop procedure pg_temp.widen_check (regclass, name, text, text);

-- Tables of ours: what a user sets for his own AI, and his talks with the internal assistant.

create table if not exists public.ai_settings (
  user_id uuid primary key references auth.users (id) on delete cascade,
  default_model text,
  temperature numeric check (temperature between 0 and 2),
  language text,
  tone text,
  auto_select_model boolean not null default true,
  updated_at timestamptz not null default now()
);
comment on table public.ai_settings is 'One row per user: how the AI answers for him unless a call says otherwise.';

create table if not exists public.ai_system_instructions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  instructions text not null,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.ai_system_instructions is 'Texts a user adds to every prompt of his own; only active ones are read.';
create index if not exists ai_system_instructions_user_id on public.ai_system_instructions (user_id, created_at);

create table if not exists public.assistant_conversations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  title text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (id, user_id)
);
comment on table public.assistant_conversations is 'A user''s talks with the internal assistant.';
create index if not exists assistant_conversations_user_id on public.assistant_conversations (user_id, updated_at desc);

create table if not exists public.assistant_messages (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null check (role in ('user', 'assistant')),
  content text not null,
  created_at timestamptz not null default now(),
  -- Both columns, so that a message can never sit in another user's conversation.
  foreign key (conversation_id, user_id) references public.assistant_conversations (id, user_id) on delete cascade
);
comment on table public.assistant_messages is 'The turns of a conversation; written by the service in the transaction that settles the call.';
create index if not exists assistant_messages_conversation on public.assistant_messages (conversation_id, user_id, created_at);
create index if not exists assistant_messages_user_id on public.assistant_messages (user_id);

create table if not exists public.ai_config_versions (
  user_id uuid primary key references auth.users (id) on delete cascade,
  version bigint not null
);
comment on table public.ai_config_versions is
  'Rises with every change of what load_ai_configuration() returns for the user; no row means version 0.';

-- Row-level security on every table above. On the hosted project it is on already; where it is not, this closes a hole.

do $$
declare
  relation text;
begin
  foreach relation in array array[
    'admin_users', 'profiles', 'workspace_configs', 'prospects', 'company_profiles', 'products', 'company_intelligence_v2',
    'chatbot_settings', 'chatbot_links', 'public_chatbot_training_data', 'public_chat_sessions', 'public_chat_messages',
    'chatbot_to_prospect_pipeline', 'notifications', 'scans', 'scan_status', 'scan_processed_items', 'scan_results',
    'ai_generations', 'coin_transactions', 'user_energy', 'energy_transactions', 'energy_costs', 'ai_settings',
    'ai_system_instructions', 'assistant_conversations', 'assistant_messages', 'ai_config_versions'
  ] loop
    execute format('alter table public.%I enable row level security', relation);
  end loop;
end
$$;

-- The existing policies, by their existing names, where they are missing.

create procedure pg_temp.ensure_policy (relation text, policy text, rule text)
language plpgsql as $$
begin
  if not exists (
    select from pg_policies where schemaname = 'public' and tablename = relation and policyname = policy
  ) then
    execute format('create policy %I on public.%I %s', policy, relation, rule);
  end if;
end
$$;

call pg_temp.ensure_policy('admin_users', 'Administrators read own row',
  'for select to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('profiles', 'System can insert profiles',
  'for insert to authenticated with check (auth.uid() = id)');
call pg_temp.ensure_policy('profiles', 'Users can read own profile',
  'for select to authenticated using (auth.uid() = id)');
call pg_temp.ensure_policy('profiles', 'Users can update own profile',
  'for update to authenticated using (id = auth.uid()) with check (id = auth.uid())');
call pg_temp.ensure_policy('workspace_configs', 'Users can insert own workspace config',
  'for insert to authenticated with check (auth.uid() = workspace_id)');
call pg_temp.ensure_policy('workspace_configs', 'Admins can view all workspace configs',
  'for select to authenticated using (exists (select 1 from public.admin_users where admin_users.user_id = auth.uid()))');
call pg_temp.ensure_policy('workspace_configs', 'Users can view own workspace config',
  'for select to authenticated using (auth.uid() = workspace_id)');
call pg_temp.ensure_policy('workspace_configs', 'Users can update own workspace config',
  'for update to authenticated using (auth.uid() = workspace_id) with check (auth.uid() = workspace_id)');
call pg_temp.ensure_policy('prospects', 'Users can delete own prospects',
  'for delete to authenticated using (user_id = auth.uid())');
call pg_temp.ensure_policy('prospects', 'Users can insert own prospects',
  'for insert to authenticated with check (user_id = auth.uid())');
call pg_temp.ensure_policy('prospects', 'Users can view own prospects',
  'for select to authenticated using (user_id = auth.uid())');
call pg_temp.ensure_policy('prospects', 'Users can update own prospects',
  'for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())');
call pg_temp.ensure_policy('products', 'Users can delete own products',
  'for delete to authenticated using (auth.uid() = user_id)');
call pg_temp.ensure_policy('products', 'Users can insert own products',
  'for insert to authenticated with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('products', 'Public can view active products for chatbot',
  'for select to anon, authenticated using (active = true)');
call pg_temp.ensure_policy('products', 'Users can update own products',
  'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('company_profiles', 'Public can view company profiles for chatbot',
  'for select to anon, authenticated using (true)');
call pg_temp.ensure_policy('company_intelligence_v2', 'Users can delete own intelligence',
  'for delete to authenticated using (auth.uid() = user_id)');
call pg_temp.ensure_policy('company_intelligence_v2', 'Users can insert own intelligence',
  'for insert to authenticated with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('company_intelligence_v2', 'Users can view own intelligence',
  'for select to authenticated using (auth.uid() = user_id)');
call pg_temp.ensure_policy('company_intelligence_v2', 'Users can update own intelligence',
  'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('chatbot_settings', 'Users can insert own chatbot settings',
  'for insert to authenticated with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('chatbot_settings', 'Public can view active chatbot settings',
  'for select to anon, authenticated using (is_active = true)');
call pg_temp.ensure_policy('chatbot_settings', 'Users can view own chatbot settings',
  'for select to authenticated using (user_id = auth.uid())');
call pg_temp.ensure_policy('chatbot_settings', 'Users can update own chatbot settings',
  'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('chatbot_links', 'Public can view active chatbot links',
  'for select to anon, authenticated using (is_active = true)');
call pg_temp.ensure_policy('public_chatbot_training_data', 'Public can view active training data',
  'for select to anon, authenticated using (is_active = true)');
call pg_temp.ensure_policy('public_chat_sessions', 'Public can create chat sessions',
  'for insert to anon, authenticated with check (true)');
call pg_temp.ensure_policy('public_chat_sessions', 'Public can view own session by slug',
  'for select to anon, authenticated using (true)');
call pg_temp.ensure_policy('public_chat_sessions', 'Public can update chat sessions',
  'for update to anon, authenticated using (true) with check (true)');
call pg_temp.ensure_policy('public_chat_messages', 'Public can insert chat messages',
  'for insert to anon, authenticated with check (true)');
call pg_temp.ensure_policy('public_chat_messages', 'Public can insert messages to sessions',
  'for insert to anon, authenticated with check (true)');
call pg_temp.ensure_policy('public_chat_messages', 'Public can view chat messages',
  'for select to anon, authenticated using (true)');
call pg_temp.ensure_policy('public_chat_messages', 'Public can view messages in session',
  'for select to anon, authenticated using (true)');
call pg_temp.ensure_policy('chatbot_to_prospect_pipeline', 'Users can insert own pipeline entries',
  'for insert to authenticated with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('chatbot_to_prospect_pipeline', 'Users can view own pipeline entries',
  'for select to authenticated using (auth.uid() = user_id)');
call pg_temp.ensure_policy('chatbot_to_prospect_pipeline', 'Users can update own pipeline entries',
  'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('scans', 'Users can delete own scans',
  'for delete to authenticated using (user_id = auth.uid())');
call pg_temp.ensure_policy('scans', 'Users can create own scans',
  'for insert to authenticated with check (user_id = auth.uid())');
call pg_temp.ensure_policy('scans', 'Users can view own scans',
  'for select to authenticated using (user_id = auth.uid())');
call pg_temp.ensure_policy('scans', 'Users can update own scans',
  'for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())');
call pg_temp.ensure_policy('scan_status', 'System can insert scan status',
  'for insert to authenticated with check (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_status', 'Users can view own scan status',
  'for select to authenticated using (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_status', 'System can update scan status',
  'for update to authenticated using (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))
   with check (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_processed_items', 'Users can delete own scan processed items',
  'for delete to authenticated using (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_processed_items', 'Users can insert own scan processed items',
  'for insert to authenticated with check (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_processed_items', 'Users can view own scan processed items',
  'for select to authenticated using (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_processed_items', 'Users can update own scan processed items',
  'for update to authenticated using (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))
   with check (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_results', 'System can insert scan results',
  'for insert to authenticated with check (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_results', 'Users can view own scan results',
  'for select to authenticated using (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('scan_results', 'System can update scan results',
  'for update to authenticated using (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))
   with check (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))');
call pg_temp.ensure_policy('ai_generations', 'Users can insert own generations',
  'for insert to authenticated with check (user_id = auth.uid())');
call pg_temp.ensure_policy('ai_generations', 'Users can view own generations',
  'for select to authenticated using (user_id = auth.uid())');
call pg_temp.ensure_policy('ai_generations', 'Users can update own generations',
  'for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())');
call pg_temp.ensure_policy('coin_transactions', 'System can insert coin transactions',
  'for insert to authenticated with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('coin_transactions', 'Users can view own coin transactions',
  'for select to authenticated using (auth.uid() = user_id)');
call pg_temp.ensure_policy('user_energy', 'Users can insert own energy record',
  'for insert to authenticated with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('user_energy', 'Users can view own energy',
  'for select to authenticated using (auth.uid() = user_id)');
call pg_temp.ensure_policy('user_energy', 'Users can update own energy',
  'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('energy_transactions', 'System can insert energy txns',
  'for insert to authenticated with check (auth.uid() = user_id)');
call pg_temp.ensure_policy('energy_transactions', 'Users can insert own energy trans',
  'for insert to authenticated with check (user_id = auth.uid())');
call pg_temp.ensure_policy('energy_transactions', 'Users can view own energy trans',
  'for select to authenticated using (user_id = auth.uid())');
call pg_temp.ensure_policy('energy_transactions', 'Users can view own energy txns',
  'for select to authenticated using (auth.uid() = user_id)');
call pg_temp.ensure_policy('energy_costs', 'Anyone can view energy costs',
  'for select to authenticated using (true)');

call pg_temp.ensure_policy('ai_settings', 'Users read own AI settings',
  'for select to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_settings', 'Users add own AI settings',
  'for insert to authenticated with check ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_settings', 'Users change own AI settings',
  'for update to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_settings', 'Users delete own AI settings',
  'for delete to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_system_instructions', 'Users read own AI instructions',
  'for select to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_system_instructions', 'Users add own AI instructions',
  'for insert to authenticated with check ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_system_instructions', 'Users change own AI instructions',
  'for update to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_system_instructions', 'Users delete own AI instructions',
  'for delete to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('assistant_conversations', 'Users read own assistant conversations',
  'for select to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('assistant_conversations', 'Users delete own assistant conversations',
  'for delete to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('assistant_messages', 'Users read own assistant messages',
  'for select to authenticated using ((select auth.uid()) = user_id)');
call pg_temp.ensure_policy('ai_config_versions', 'Users read own configuration version',
  'for select to authenticated using ((select auth.uid()) = user_id)');

drop procedure pg_temp.ensure_policy (text, text, text);

-- Said aloud for the tables of ours: the hosted default grants everything to everyone and leaves the rest to the policies.
revoke all on public.ai_settings, public.ai_system_instructions, public.assistant_conversations, public.assistant_messages,
  public.ai_config_versions from anon, authenticated;
grant select, insert, update, delete on public.ai_settings, public.ai_system_instructions to authenticated;
grant select, delete on public.assistant_conversations to authenticated;
grant select on public.assistant_messages, public.ai_config_versions to authenticated;
grant all on public.ai_settings, public.ai_system_instructions, public.assistant_conversations, public.assistant_messages,
  public.ai_config_versions to service_role;

create or replace function nexscout.is_admin () returns boolean
language sql stable security definer
set search_path = ''
as $$
  select exists (select from public.admin_users where admin_users.user_id = auth.uid())
$$;
comment on function nexscout.is_admin () is
  'True when the caller is an administrator. Definer rights: policies ask it, and callers may not read the list of administrators.';
revoke all on function nexscout.is_admin () from public;
grant execute on function nexscout.is_admin () to anon, authenticated, service_role;

create or replace function nexscout.bump_config_version () returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) else '{}' end;
  after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) else '{}' end;
  owner_column text := tg_argv[0];
begin
  if tg_op = 'UPDATE' and not exists (
    select from jsonb_object_keys(after) as changed (key)
    where before -> changed.key is distinct from after -> changed.key
      and changed.key <> 'updated_at'
      and (tg_nargs = 1 or changed.key = any (tg_argv[1:]))
  ) then
    return null;
  end if;
  insert into public.ai_config_versions as known (user_id, version)
  select distinct owner.id, 1
  from unnest(array[(before ->> owner_column)::uuid, (after ->> owner_column)::uuid]) as owner (id)
  -- A user who is being deleted takes his rows along; his version must not come back.
  where exists (select from auth.users where users.id = owner.id)
  order by owner.id
  on conflict (user_id) do update set version = known.version + 1;
  return null;
end
$$;
comment on function nexscout.bump_config_version () is
  'Raises the owner''s configuration version. Arguments: the owner''s column, then the columns that matter (none: all but updated_at).';
revoke all on function nexscout.bump_config_version () from public;

create or replace trigger bump_config_version
after insert or update or delete on public.profiles
for each row execute function nexscout.bump_config_version('id', 'subscription_tier', 'full_name', 'company', 'profession');
create or replace trigger bump_config_version
after insert or update or delete on public.workspace_configs
for each row execute function nexscout.bump_config_version('workspace_id');
create or replace trigger bump_config_version
after insert or update or delete on public.products
for each row execute function nexscout.bump_config_version('user_id');
create or replace trigger bump_config_version
after insert or update or delete on public.company_profiles
for each row execute function nexscout.bump_config_version('user_id');
create or replace trigger bump_config_version
after insert or update or delete on public.company_intelligence_v2
for each row execute function nexscout.bump_config_version('user_id');
create or replace trigger bump_config_version
after insert or update or delete on public.chatbot_settings
for each row execute function nexscout.bump_config_version('user_id');
-- Every answered question counts its use in the row: only what is said may empty a cache.
create or replace trigger bump_config_version
after insert or update or delete on public.public_chatbot_training_data
for each row execute function nexscout.bump_config_version(
  'user_id', 'category', 'question', 'answer', 'tags', 'priority', 'is_active', 'context_keywords'
);
create or replace trigger bump_config_version
after insert or update or delete on public.ai_settings
for each row execute function nexscout.bump_config_version('user_id');
create or replace trigger bump_config_version
after insert or update or delete on public.ai_system_instructions
for each row execute function nexscout.bump_config_version('user_id');

create or replace function nexscout.ai_configuration (p_user_id uuid) returns jsonb
language sql stable
set search_path = ''
as $$
  with caller as materialized (
    select p_user_id as id
  )
  select jsonb_build_object(
    'user_id', caller.id,
    'version', coalesce((select known.version from public.ai_config_versions known where known.user_id = caller.id), 0),
    'profile', (
      select jsonb_build_object(
        'full_name', profiles.full_name, 'company', profiles.company,
        'profession', profiles.profession, 'subscription_tier', profiles.subscription_tier
      )
      from public.profiles where profiles.id = caller.id
    ),
    'workspace', (
      select to_jsonb(workspace_configs) from public.workspace_configs where workspace_configs.workspace_id = caller.id
    ),
    'company', (
      select jsonb_build_object(
        'id', company.id, 'company_name', company.company_name, 'industry', company.industry,
        'company_size', company.company_size, 'location', company.location, 'website', company.website,
        'tagline', company.tagline, 'description', company.description,
        'company_description', company.company_description, 'value_proposition', company.value_proposition,
        'value_propositions', company.value_propositions, 'target_audience', company.target_audience,
        'products', company.products, 'faqs', company.faqs, 'achievements', company.achievements,
        'mission', company.mission, 'vision', company.vision, 'culture', company.culture
      )
      from public.company_profiles company where company.user_id = caller.id
    ),
    'intelligence', (
      select jsonb_build_object(
        'company_identity', newest.company_identity, 'brand_voice', newest.brand_voice,
        'marketing_intelligence', newest.marketing_intelligence
      )
      from public.company_intelligence_v2 newest where newest.user_id = caller.id
      order by newest.updated_at desc nulls last, newest.created_at desc nulls last, newest.id
      limit 1
    ),
    'products', (
      select coalesce(jsonb_agg(product.fields order by product.created_at desc nulls last, product.id), '[]')
      from (
        select products.id, products.created_at, jsonb_build_object(
          'id', products.id, 'name', products.name, 'product_type', products.product_type,
          'main_category', products.main_category, 'short_tagline', products.short_tagline,
          'short_description', products.short_description, 'long_description', products.long_description,
          'primary_promise', products.primary_promise, 'key_benefits', products.key_benefits,
          'ideal_prospect_tags', products.ideal_prospect_tags, 'currency', products.currency,
          'base_price', products.base_price, 'price_min', products.price_min, 'price_max', products.price_max,
          'product_url', products.product_url, 'personas', products.personas, 'pains', products.pains,
          'desires', products.desires, 'objections', products.objections
        ) as fields
        from public.products
        where products.user_id = caller.id and products.active
        order by products.created_at desc nulls last, products.id
        limit 50
      ) product
    ),
    'ai_settings', (
      select jsonb_build_object(
        'default_model', settings.default_model, 'temperature', settings.temperature, 'language', settings.language,
        'tone', settings.tone, 'auto_select_model', settings.auto_select_model
      )
      from public.ai_settings settings where settings.user_id = caller.id
    ),
    'instructions', (
      select coalesce(jsonb_agg(own.instructions order by own.created_at, own.id), '[]')
      from public.ai_system_instructions own where own.user_id = caller.id and own.is_active
    )
  )
  from caller
  where caller.id is not null
$$;
comment on function nexscout.ai_configuration (uuid) is
  'All that a user''s prompts are made of, in one snapshot with its version, under the rights of whoever asks';
revoke all on function nexscout.ai_configuration (uuid) from public;
grant execute on function nexscout.ai_configuration (uuid) to authenticated, service_role;

create or replace function public.load_ai_configuration () returns jsonb
language sql stable
set search_path = ''
as $$
  select nexscout.ai_configuration((select auth.uid()))
$$;
comment on function public.load_ai_configuration () is
  'All that the caller''s prompts are made of, in one snapshot with its version. Every part is filtered by the caller''s own id:
several policies would show an administrator, or anyone, the rows of others. Null without a signed-in user.';
revoke all on function public.load_ai_configuration () from public, anon, service_role;
grant execute on function public.load_ai_configuration () to authenticated;
