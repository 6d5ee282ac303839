-- The second starting point: the app's own schema as its migrations leave it, with what the functions touch and the triggers that
-- come with it, and its policies as it has rewritten them, up to three times. Two things that the embedded server lacks stand in for
-- the real ones: the type vector and uuid_generate_v4().

create domain extensions.vector as text;
create function extensions.uuid_generate_v4 () returns uuid language sql as $$ select gen_random_uuid() $$;

create table public.admin_users (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null unique references auth.users (id) on delete cascade,
  granted_at timestamptz default now()
);
create table public.message_sequences (id uuid primary key default gen_random_uuid());
create table public.chatbot_visitors (id uuid primary key default gen_random_uuid());
create table public.mlm_ai_settings (user_id uuid primary key references auth.users (id) on delete cascade);
create table public.missions (user_id uuid references auth.users (id) on delete cascade, title text not null);
create table public.lead_prospect_links (prospect_id uuid, conversion_value numeric);

create table public.profiles (
  id uuid not null,
  email text not null,
  full_name text,
  company text,
  profession text,
  avatar_url text,
  subscription_tier text not null default 'free'::text,
  coins_balance integer not null default 100,
  streak_days integer not null default 0,
  last_active_date date,
  onboarding_completed boolean not null default false,
  onboarding_step text,
  total_prospects_scanned integer not null default 0,
  total_ai_generations integer not null default 0,
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
  notification_preferences jsonb default '{}'::jsonb,
  energy_balance integer default 0,
  unique_user_id text not null,
  operating_mode text default 'hybrid'::text,
  mode_preferences jsonb default '{"of": "the app"}'::jsonb,
  monthly_automation_quota integer default 50,
  automations_used_this_month integer default 0,
  automation_quota_reset_at timestamptz default now(),
  check (coins_balance >= 0),
  check (operating_mode in ('autopilot', 'manual', 'hybrid')),
  check (streak_days >= 0),
  check (subscription_tier in ('starter', 'pro', 'elite', 'team', 'enterprise')),
  check (total_ai_generations >= 0),
  check (total_prospects_scanned >= 0),
  foreign key (id) references auth.users (id) on delete cascade,
  primary key (id),
  unique (unique_user_id)
);

create table public.workspace_configs (
  workspace_id uuid not null,
  company jsonb default '{"of": "the app"}'::jsonb,
  products jsonb default '{"products": []}'::jsonb,
  tone_profile jsonb default '{"of": "the app"}'::jsonb,
  funnels jsonb default '{"of": "the app"}'::jsonb,
  ai_behavior jsonb default '{"of": "the app"}'::jsonb,
  custom_instructions jsonb default '{"of": "the app"}'::jsonb,
  ai_pitch_deck jsonb default '{"slides": []}'::jsonb,
  ai_messages jsonb default '{"of": "the app"}'::jsonb,
  pipeline jsonb default '{"of": "the app"}'::jsonb,
  ai_sequences jsonb default '{"of": "the app"}'::jsonb,
  ai_selling_personas jsonb default '{"of": "the app"}'::jsonb,
  business_opportunity jsonb default '{"of": "the app"}'::jsonb,
  compensation jsonb default '{"levels": [], "planType": "unilevel"}'::jsonb,
  recruiting_flow jsonb default '{"of": "the app"}'::jsonb,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  foreign key (workspace_id) references auth.users (id) on delete cascade,
  primary key (workspace_id)
);

create table public.company_profiles (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  company_name text not null,
  company_domain text,
  company_description text,
  industry text,
  company_size text,
  founded_year integer,
  location text,
  products jsonb default '[]'::jsonb,
  faqs jsonb default '[]'::jsonb,
  value_propositions jsonb default '[]'::jsonb,
  target_audience text,
  company_logo_url text,
  website_content text,
  social_media jsonb default '{}'::jsonb,
  ai_enriched_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  website text,
  description text,
  tagline text,
  employee_count text,
  logo_url text,
  ai_generated_description text,
  share_token text,
  value_proposition text,
  achievements jsonb default '[]'::jsonb,
  mission text,
  vision text,
  culture text,
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id),
  unique (share_token),
  unique (user_id)
);

create table public.products (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  company_id uuid,
  name text not null,
  product_type text not null default 'product'::text,
  main_category text not null,
  short_description text,
  long_description text,
  primary_promise text,
  key_benefits text[] default array[]::text[],
  ideal_prospect_tags text[] default array[]::text[],
  currency text default 'PHP'::text,
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
  personas jsonb default '[]'::jsonb,
  pains jsonb default '[]'::jsonb,
  desires jsonb default '[]'::jsonb,
  objections jsonb default '[]'::jsonb,
  short_tagline text,
  base_price numeric(12,2),
  is_complete boolean default false,
  wizard_step integer default 1,
  foreign key (company_id) references public.company_profiles (id) on delete set null,
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.prospects (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  full_name text not null,
  phone text,
  email text,
  status text default 'new'::text,
  tags text[],
  last_contacted_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  pipeline_stage text default 'discover'::text,
  avatar_seed text,
  social_image_url text,
  uploaded_image_url text,
  company text,
  position text,
  buying_intent_score integer default 0,
  lead_temperature text default 'cold'::text,
  source text,
  metadata jsonb default '{}'::jsonb,
  check (buying_intent_score >= 0 and buying_intent_score <= 100),
  check (lead_temperature in ('cold', 'warm', 'hot', 'readyToBuy')),
  check (status in ('new', 'contacted', 'interested', 'follow_up', 'closed', 'lost')),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.company_intelligence_v2 (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  company_id uuid,
  company_name text not null,
  primary_url text not null,
  urls_crawled jsonb default '[]'::jsonb,
  raw_html text,
  raw_text text,
  enriched_json jsonb default '{}'::jsonb,
  company_identity jsonb default '{}'::jsonb,
  product_catalog jsonb default '[]'::jsonb,
  seo_signals jsonb default '{}'::jsonb,
  mlm_structure jsonb default '{}'::jsonb,
  brand_voice jsonb default '{}'::jsonb,
  marketing_intelligence jsonb default '{}'::jsonb,
  extracted_keywords text[],
  embeddings extensions.vector,
  crawl_quality_score integer default 0,
  pages_crawled integer default 0,
  extraction_completeness jsonb default '{}'::jsonb,
  last_crawled_at timestamptz default now(),
  crawl_duration_ms integer,
  crawler_version text default 'v5.0'::text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  lead_flows jsonb default '{}'::jsonb,
  detected_forms jsonb default '[]'::jsonb,
  data_sources text[] default array['html'::text],
  ocr_data jsonb default '{}'::jsonb,
  form_patterns jsonb default '{}'::jsonb,
  lead_generation_strategy text,
  foreign key (company_id) references public.company_profiles (id) on delete cascade,
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.chatbot_settings (
  user_id uuid not null,
  display_name text not null default 'AI Assistant'::text,
  avatar_url text,
  greeting_message text default 'Hi! How can I help you today?'::text,
  tone text default 'professional'::text,
  reply_depth text default 'medium'::text,
  closing_style text default 'warm'::text,
  objection_style text default 'empathetic'::text,
  appointment_rules jsonb default '{}'::jsonb,
  allowed_products jsonb default '[]'::jsonb,
  allowed_services jsonb default '[]'::jsonb,
  ai_personality jsonb default '{}'::jsonb,
  company_id uuid,
  auto_qualify_threshold numeric default 0.7,
  auto_convert_to_prospect boolean default true,
  enabled_channels text[] default array['web'::text],
  widget_color text default '#3B82F6'::text,
  widget_position text default 'bottom-right'::text,
  business_hours jsonb default '{}'::jsonb,
  away_message text,
  is_active boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  integrations jsonb default '{}'::jsonb,
  custom_system_instructions text,
  use_custom_instructions boolean default false,
  instructions_override_intelligence boolean default false,
  fixed_chatbot_id text,
  check (reply_depth in ('short', 'medium', 'long')),
  check (tone in ('friendly', 'professional', 'persuasive', 'casual', 'taglish')),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (user_id),
  unique (fixed_chatbot_id)
);

create table public.chatbot_links (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  chatbot_id text not null,
  custom_slug text,
  is_active boolean not null default true,
  total_conversations integer not null default 0,
  total_messages integer not null default 0,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id),
  unique (chatbot_id),
  unique (custom_slug)
);

create table public.public_chatbot_training_data (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  category text not null,
  question text not null,
  answer text not null,
  tags text[] default '{}'::text[],
  priority integer default 0,
  is_active boolean default true,
  source text default 'manual'::text,
  source_id uuid,
  auto_synced boolean default false,
  usage_count integer default 0,
  last_used_at timestamptz,
  context_keywords text[] default '{}'::text[],
  match_confidence numeric default 1.0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  check (category in ('company_info', 'product_info', 'service_info', 'pricing', 'faq', 'objection_handler',
    'appointment_booking', 'contact_info', 'support', 'custom')),
  check (source in ('manual', 'company_profile', 'company_intelligence', 'auto_generated')),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.public_chat_sessions (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  session_slug text not null,
  visitor_name text,
  visitor_email text,
  visitor_phone text,
  channel text default 'web'::text,
  ip_address text,
  user_agent text,
  conversation_context jsonb default '{}'::jsonb,
  emotional_state text default 'neutral'::text,
  buying_intent_score numeric default 0.0,
  qualification_score numeric default 0.0,
  message_count integer default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_message_at timestamptz default now(),
  status text default 'active'::text,
  chatbot_id text,
  visitor_session_id text,
  is_read boolean default false,
  visitor_avatar_seed text,
  current_intent text,
  current_funnel_stage text default 'awareness'::text,
  lead_temperature text default 'cold'::text,
  conversation_state jsonb default '{}'::jsonb,
  buying_signals_detected text[] default array[]::text[],
  last_intent_update timestamptz default now(),
  lead_score integer default 0,
  current_product_id text,
  suggested_product_id text,
  offer_type text,
  buying_signals_history jsonb default '[]'::jsonb,
  intents_history jsonb default '[]'::jsonb,
  prospect_id uuid,
  check (channel in ('web', 'facebook', 'whatsapp', 'viber', 'messenger')),
  check (lead_score >= 0 and lead_score <= 100),
  check (offer_type in ('upsell', 'downsell', 'crossSell', 'stay')),
  check (status in ('active', 'archived', 'converted', 'abandoned')),
  foreign key (prospect_id) references public.prospects (id) on delete set null,
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.public_chat_messages (
  id uuid not null default gen_random_uuid(),
  session_id uuid not null,
  sender text not null,
  message text not null,
  ai_emotion text,
  ai_intent text,
  ai_buying_signals text[] default '{}'::text[],
  detected_objections text[] default '{}'::text[],
  sentiment_score numeric default 0.0,
  urgency_level text default 'low'::text,
  keywords text[] default '{}'::text[],
  token_usage integer default 0,
  model_used text,
  metadata jsonb default '{}'::jsonb,
  created_at timestamptz default now(),
  check (sender in ('visitor', 'ai')),
  foreign key (session_id) references public.public_chat_sessions (id) on delete cascade,
  primary key (id)
);

create table public.chatbot_to_prospect_pipeline (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  prospect_id uuid,
  session_id uuid not null,
  visitor_id uuid,
  qualification_score numeric default 0.0,
  emotion_primary text,
  emotion_secondary text,
  buying_intent text,
  readiness_stage text default 'awareness'::text,
  detected_pain_points text[] default '{}'::text[],
  detected_objections text[] default '{}'::text[],
  budget_signals text[] default '{}'::text[],
  urgency_signals text[] default '{}'::text[],
  conversation_summary text,
  ai_recommendation text,
  pipeline_stage text default 'New Chat Lead'::text,
  converted_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  foreign key (prospect_id) references public.prospects (id) on delete set null,
  foreign key (session_id) references public.public_chat_sessions (id) on delete cascade,
  foreign key (user_id) references auth.users (id) on delete cascade,
  foreign key (visitor_id) references public.chatbot_visitors (id) on delete set null,
  primary key (id)
);

create table public.notifications (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  type text not null,
  title text not null,
  message text not null,
  icon text,
  action_url text,
  related_prospect_id uuid,
  related_sequence_id uuid,
  metadata jsonb default '{}'::jsonb,
  priority text default 'normal'::text,
  is_read boolean default false,
  read_at timestamptz,
  created_at timestamptz default now(),
  expires_at timestamptz,
  category text default 'info'::text,
  action_text text,
  is_archived boolean default false,
  check (category in ('urgent', 'important', 'info', 'success')),
  check (priority in ('low', 'normal', 'high', 'urgent')),
  check (type in ('hot_lead', 'followup_due', 'sequence_action', 'lead_cooling', 'streak_reminder', 'mission_alert',
    'weekly_report', 'ai_insight', 'scan_complete', 'coin_earned', 'achievement', 'level_up')),
  foreign key (related_prospect_id) references public.prospects (id) on delete cascade,
  foreign key (related_sequence_id) references public.message_sequences (id) on delete cascade,
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.scans (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  created_at timestamptz default now(),
  completed_at timestamptz,
  status text default 'pending'::text,
  sources jsonb default '{}'::jsonb,
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
  metadata jsonb default '{}'::jsonb,
  pipeline_state text default 'queued'::text,
  ocr_confidence numeric(5,2),
  taglish_score numeric(5,2),
  language_mix jsonb default '{}'::jsonb,
  processing_metadata jsonb default '{}'::jsonb,
  estimated_completion_time timestamptz,
  check (status in ('pending', 'processing', 'completed', 'failed')),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.scan_status (
  id uuid not null default gen_random_uuid(),
  scan_id uuid not null,
  step text not null,
  percent integer not null default 0,
  message text,
  updated_at timestamptz default now(),
  foreign key (scan_id) references public.scans (id) on delete cascade,
  primary key (id)
);

create table public.scan_processed_items (
  id uuid not null default gen_random_uuid(),
  scan_id uuid,
  type text not null,
  name text,
  content text,
  score numeric(5,2) default 0,
  source_image_id uuid,
  raw_ocr_text text,
  detected_numbers jsonb default '[]'::jsonb,
  metadata jsonb default '{}'::jsonb,
  created_at timestamptz default now(),
  check (type in ('text', 'post', 'friend', 'event', 'interest')),
  foreign key (scan_id) references public.scans (id) on delete cascade,
  primary key (id)
);

create table public.scan_results (
  id uuid not null default gen_random_uuid(),
  scan_id uuid not null,
  prospects jsonb default '[]'::jsonb,
  created_at timestamptz default now(),
  foreign key (scan_id) references public.scans (id) on delete cascade,
  primary key (id),
  unique (scan_id)
);

create table public.ai_generations (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  prospect_id uuid,
  generation_type text not null,
  input_data jsonb default '{}'::jsonb,
  prompt_hash text,
  output_text text,
  output_data jsonb default '{}'::jsonb,
  model_used text default 'rule-based-v1'::text,
  tokens_used integer default 0,
  cost_usd numeric(10,6) default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  foreign key (prospect_id) references public.prospects (id) on delete set null,
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.ai_usage_logs (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  feature_type text not null,
  model_used text,
  tokens_used integer default 0,
  cost_usd numeric(10,4) default 0,
  success boolean default true,
  error_message text,
  created_at timestamptz default now(),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.coin_transactions (
  id uuid not null default extensions.uuid_generate_v4(),
  user_id uuid,
  type text not null,
  trigger text not null,
  coins integer not null,
  balance_after integer not null,
  metadata jsonb,
  created_at timestamp default now(),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.user_energy (
  user_id uuid not null,
  current_energy integer not null default 100,
  max_energy integer not null default 100,
  last_reset timestamptz default now(),
  tier text not null default 'free'::text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  streak_days integer default 0,
  inactivity_days integer default 0,
  last_activity_at timestamptz default now(),
  regen_multiplier numeric default 1.0,
  surge_multiplier numeric default 1.0,
  last_regen_at timestamptz default now(),
  next_regen_at timestamptz default (now() + '01:00:00'::interval),
  regen_rate_per_hour integer default 1,
  daily_token_budget integer default 5000,
  tokens_used_today integer default 0,
  last_token_reset date default current_date,
  compression_mode_enabled boolean default false,
  spike_warnings_count integer default 0,
  efficiency_rating numeric default 1.0,
  preferred_mode text default 'auto'::text,
  avg_token_per_request integer default 0,
  predicted_daily_usage integer default 0,
  model_mode text default 'auto'::text,
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (user_id)
);

create table public.energy_transactions (
  id uuid not null default extensions.uuid_generate_v4(),
  user_id uuid,
  type text not null,
  reason text not null,
  energy integer not null,
  balance_after integer not null,
  created_at timestamp default now(),
  foreign key (user_id) references auth.users (id) on delete cascade,
  primary key (id)
);

create table public.energy_costs (
  id uuid not null default gen_random_uuid(),
  feature text not null,
  energy_cost integer not null,
  description text,
  created_at timestamptz default now(),
  primary key (id),
  unique (feature)
);

do $$
declare
  relation text;
begin
  for relation in select tablename from pg_tables where schemaname = 'public' loop
    execute format('alter table public.%I enable row level security', relation);
  end loop;
end
$$;

create policy "System can insert profiles" on public.profiles
  for insert to authenticated with check ((select auth.uid()) = id);
create policy "Users can read own profile" on public.profiles
  for select to authenticated using ((select (select auth.uid())) = id);
create policy "Users can update own profile" on public.profiles
  for update to authenticated using (id = (select (select (select auth.uid())))) with check (id = (select (select (select auth.uid()))));
create policy "Users can insert own workspace config" on public.workspace_configs
  for insert to authenticated with check (auth.uid() = workspace_id);
create policy "Admins can view all workspace configs" on public.workspace_configs
  for select to authenticated using (exists ( select 1 from admin_users where (admin_users.user_id = (select auth.uid()))));
create policy "Users can view own workspace config" on public.workspace_configs
  for select to authenticated using ((select (select auth.uid())) = workspace_id);
create policy "Users can update own workspace config" on public.workspace_configs
  for update to authenticated using ((select (select (select auth.uid()))) = workspace_id) with check ((select (select (select auth.uid()))) = workspace_id);
create policy "Public can view company profiles for chatbot" on public.company_profiles
  for select to anon, authenticated using (true);
create policy "Users can delete own products" on public.products
  for delete to authenticated using ((select auth.uid()) = user_id);
create policy "Users can insert own products" on public.products
  for insert to authenticated with check ((select (select auth.uid())) = user_id);
create policy "Public can view active products for chatbot" on public.products
  for select to anon, authenticated using (active = true);
create policy "Users can update own products" on public.products
  for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "Users can delete own prospects" on public.prospects
  for delete to authenticated using (user_id = (select auth.uid()));
create policy "Users can insert own prospects" on public.prospects
  for insert to authenticated with check (user_id = (select (select auth.uid())));
create policy "Users can view own prospects" on public.prospects
  for select to authenticated using (user_id = (select (select (select auth.uid()))));
create policy "Users can update own prospects" on public.prospects
  for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid());
create policy "Users can delete own intelligence" on public.company_intelligence_v2
  for delete to authenticated using ((select auth.uid()) = user_id);
create policy "Users can insert own intelligence" on public.company_intelligence_v2
  for insert to authenticated with check ((select (select auth.uid())) = user_id);
create policy "Users can view own intelligence" on public.company_intelligence_v2
  for select to authenticated using ((select (select (select auth.uid()))) = user_id);
create policy "Users can update own intelligence" on public.company_intelligence_v2
  for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "Users can insert own chatbot settings" on public.chatbot_settings
  for insert to authenticated with check ((select auth.uid()) = user_id);
create policy "Public can view active chatbot settings" on public.chatbot_settings
  for select to anon, authenticated using (is_active = true);
create policy "Users can view own chatbot settings" on public.chatbot_settings
  for select to authenticated using (user_id = (select (select (select auth.uid()))));
create policy "Users can update own chatbot settings" on public.chatbot_settings
  for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "Public can view active chatbot links" on public.chatbot_links
  for select to anon, authenticated using (is_active = true);
create policy "Public can view active training data" on public.public_chatbot_training_data
  for select to anon, authenticated using (is_active = true);
create policy "Public can create chat sessions" on public.public_chat_sessions
  for insert to anon, authenticated with check (true);
create policy "Public can view own session by slug" on public.public_chat_sessions
  for select to anon, authenticated using (true);
create policy "Public can update chat sessions" on public.public_chat_sessions
  for update to anon, authenticated using (true) with check (true);
create policy "Public can insert chat messages" on public.public_chat_messages
  for insert to anon, authenticated with check (true);
create policy "Public can insert messages to sessions" on public.public_chat_messages
  for insert to anon, authenticated with check (true);
create policy "Public can view chat messages" on public.public_chat_messages
  for select to anon, authenticated using (true);
create policy "Public can view messages in session" on public.public_chat_messages
  for select to anon, authenticated using (true);
create policy "Users can insert own pipeline entries" on public.chatbot_to_prospect_pipeline
  for insert to authenticated with check ((select (select auth.uid())) = user_id);
create policy "Users can view own pipeline entries" on public.chatbot_to_prospect_pipeline
  for select to authenticated using ((select (select (select auth.uid()))) = user_id);
create policy "Users can update own pipeline entries" on public.chatbot_to_prospect_pipeline
  for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "Users can delete own scans" on public.scans
  for delete to authenticated using (user_id = (select auth.uid()));
create policy "Users can create own scans" on public.scans
  for insert to authenticated with check (user_id = (select (select auth.uid())));
create policy "Users can view own scans" on public.scans
  for select to authenticated using (user_id = (select (select (select auth.uid()))));
create policy "Users can update own scans" on public.scans
  for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid());
create policy "System can insert scan status" on public.scan_status
  for insert to authenticated
  with check (exists (select 1 from scans where ((scans.id = scan_status.scan_id) and (scans.user_id = (select auth.uid())))));
create policy "Users can view own scan status" on public.scan_status
  for select to authenticated
  using (exists (select 1 from scans where ((scans.id = scan_status.scan_id) and (scans.user_id = (select (select auth.uid()))))));
create policy "System can update scan status" on public.scan_status
  for update to authenticated
  using (exists (select 1 from scans where ((scans.id = scan_status.scan_id) and (scans.user_id = (select (select (select auth.uid())))))))
  with check (exists (select 1 from scans where ((scans.id = scan_status.scan_id) and (scans.user_id = (select (select (select auth.uid())))))));
create policy "Users can delete own scan processed items" on public.scan_processed_items
  for delete to authenticated
  using (exists (select 1 from scans where ((scans.id = scan_processed_items.scan_id) and (scans.user_id = auth.uid()))));
create policy "Users can insert own scan processed items" on public.scan_processed_items
  for insert to authenticated
  with check (exists (select 1 from scans where ((scans.id = scan_processed_items.scan_id) and (scans.user_id = (select auth.uid())))));
create policy "Users can view own scan processed items" on public.scan_processed_items
  for select to authenticated
  using (exists (select 1 from scans where ((scans.id = scan_processed_items.scan_id) and (scans.user_id = (select (select auth.uid()))))));
create policy "Users can update own scan processed items" on public.scan_processed_items
  for update to authenticated
  using (exists (select 1 from scans where ((scans.id = scan_processed_items.scan_id) and (scans.user_id = (select (select (select auth.uid())))))))
  with check (exists (select 1 from scans where ((scans.id = scan_processed_items.scan_id) and (scans.user_id = (select (select (select auth.uid())))))));
create policy "System can insert scan results" on public.scan_results
  for insert to authenticated
  with check (exists (select 1 from scans where ((scans.id = scan_results.scan_id) and (scans.user_id = auth.uid()))));
create policy "Users can view own scan results" on public.scan_results
  for select to authenticated
  using (exists (select 1 from scans where ((scans.id = scan_results.scan_id) and (scans.user_id = (select auth.uid())))));
create policy "System can update scan results" on public.scan_results
  for update to authenticated
  using (exists (select 1 from scans where ((scans.id = scan_results.scan_id) and (scans.user_id = (select (select auth.uid()))))))
  with check (exists (select 1 from scans where ((scans.id = scan_results.scan_id) and (scans.user_id = (select (select auth.uid()))))));
create policy "Users can insert own generations" on public.ai_generations
  for insert to authenticated with check (user_id = (select (select (select auth.uid()))));
create policy "Users can view own generations" on public.ai_generations
  for select to authenticated using (user_id = auth.uid());
create policy "Users can update own generations" on public.ai_generations
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "Users can insert own usage logs" on public.ai_usage_logs
  for insert to authenticated with check (user_id = (select (select auth.uid())));
create policy "Users can view own usage logs" on public.ai_usage_logs
  for select to authenticated using (user_id = (select (select (select auth.uid()))));
create policy "System can insert coin transactions" on public.coin_transactions
  for insert to authenticated with check (auth.uid() = user_id);
create policy "Users can view own coin transactions" on public.coin_transactions
  for select to authenticated using ((select auth.uid()) = user_id);
create policy "Users can insert own energy record" on public.user_energy
  for insert to authenticated with check ((select (select auth.uid())) = user_id);
create policy "Users can view own energy" on public.user_energy
  for select to authenticated using ((select (select (select auth.uid()))) = user_id);
create policy "Users can update own energy" on public.user_energy
  for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "System can insert energy txns" on public.energy_transactions
  for insert to authenticated with check ((select auth.uid()) = user_id);
create policy "Users can insert own energy trans" on public.energy_transactions
  for insert to authenticated with check (user_id = (select (select auth.uid())));
create policy "Users can view own energy trans" on public.energy_transactions
  for select to authenticated using (user_id = (select (select (select auth.uid()))));
create policy "Users can view own energy txns" on public.energy_transactions
  for select to authenticated using (auth.uid() = user_id);
create policy "Anyone can view energy costs" on public.energy_costs
  for select to authenticated using (true);

-- Bodies are shortened; track_lead_conversion fails on a column that prospects lack, as it does there.

create function public.initialize_ai_settings_for_user () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  insert into mlm_ai_settings (user_id) values (new.id) on conflict do nothing;
  return new;
end
$$;
create function public.initialize_workspace_config_for_user () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  insert into workspace_configs (workspace_id) values (new.id) on conflict do nothing;
  return new;
end
$$;
create function public.create_chatbot_link_for_user () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  insert into chatbot_links (user_id, chatbot_id) values (new.id, left(new.id::text, 8)) on conflict do nothing;
  return new;
end
$$;
create function public.initialize_user_resources () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  insert into user_energy (user_id) values (new.id) on conflict do nothing;
  return new;
end
$$;
create function public.handle_updated_at () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  new.updated_at := now();
  return new;
end
$$;
create function public.handle_subscription_downgrade () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.handle_subscription_upgrade_referral () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.auto_generate_starter_missions () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  insert into missions (user_id, title) values (new.id, 'Scan your first prospect');
  return new;
end
$$;
create function public.validate_mode_preferences () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  new.mode_preferences := coalesce(new.mode_preferences, '{}');
  return new;
end
$$;
create function public.update_workspace_config_updated_at () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  new.updated_at := now();
  return new;
end
$$;
create function public.trigger_sync_company_profile_to_chatbot () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  insert into public_chatbot_training_data (user_id, category, question, answer, source, source_id, auto_synced)
  values (new.user_id, 'company_info', 'What is ' || new.company_name || '?',
    coalesce(new.company_description, new.company_name), 'company_profile', new.id, true);
  return new;
end
$$;
create function public.trigger_sync_company_to_public_chatbot () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.update_company_updated_at () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  new.updated_at := now();
  return new;
end
$$;
create function public.update_company_profiles_updated_at () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  new.updated_at := now();
  return new;
end
$$;
create function public.notify_stage_change () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  if old.pipeline_stage is distinct from new.pipeline_stage then
    insert into notifications (user_id, type, title, message, related_prospect_id)
    values (new.user_id, 'ai_insight', 'Stage changed', new.full_name, new.id);
  end if;
  return new;
end
$$;
create function public.set_avatar_seed () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  new.avatar_seed := coalesce(new.avatar_seed, md5(new.full_name));
  return new;
end
$$;
create function public.trigger_ai_pipeline_on_stage_change () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.track_lead_conversion () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  update lead_prospect_links set conversion_value = new.deal_value where prospect_id = new.id;
  return new;
end
$$;
create function public.trigger_sync_intelligence_to_chatbot () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.trigger_sync_intelligence_to_public_chatbot () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.create_default_automation_settings () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.generate_fixed_chatbot_id () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  new.fixed_chatbot_id := coalesce(new.fixed_chatbot_id, 'bot-' || left(new.user_id::text, 8));
  return new;
end
$$;
create function public.create_default_efficiency_profile () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.create_default_energy_pattern () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;
create function public.create_default_pricing_profile () returns trigger
language plpgsql security definer set search_path = public as $$
begin
  return new;
end
$$;

create trigger initialize_ai_settings_for_user after insert on public.profiles
  for each row execute function public.initialize_ai_settings_for_user();
create trigger initialize_workspace_config_for_user after insert on public.profiles
  for each row execute function public.initialize_workspace_config_for_user();
create trigger create_chatbot_link_for_user after insert on public.profiles
  for each row execute function public.create_chatbot_link_for_user();
create trigger initialize_user_resources before insert on public.profiles
  for each row execute function public.initialize_user_resources();
create trigger handle_updated_at before update on public.profiles
  for each row execute function public.handle_updated_at();
create trigger handle_subscription_downgrade after update of subscription_tier on public.profiles
  for each row execute function public.handle_subscription_downgrade();
create trigger handle_subscription_upgrade_referral after update of subscription_tier on public.profiles
  for each row when (old.subscription_tier is distinct from new.subscription_tier)
  execute function public.handle_subscription_upgrade_referral();
create trigger auto_generate_starter_missions after insert on public.profiles
  for each row execute function public.auto_generate_starter_missions();
create trigger validate_mode_preferences before insert or update on public.profiles
  for each row execute function public.validate_mode_preferences();
create trigger update_workspace_config_updated_at before update on public.workspace_configs
  for each row execute function public.update_workspace_config_updated_at();
create trigger trigger_sync_company_profile_to_chatbot after insert or update on public.company_profiles
  for each row execute function public.trigger_sync_company_profile_to_chatbot();
create trigger trigger_sync_company_to_public_chatbot after insert or update on public.company_profiles
  for each row execute function public.trigger_sync_company_to_public_chatbot();
create trigger update_company_updated_at before update on public.company_profiles
  for each row execute function public.update_company_updated_at();
create trigger update_company_profiles_updated_at before update on public.company_profiles
  for each row execute function public.update_company_profiles_updated_at();
create trigger notify_stage_change after update on public.prospects
  for each row execute function public.notify_stage_change();
create trigger set_avatar_seed before insert or update on public.prospects
  for each row execute function public.set_avatar_seed();
create trigger trigger_ai_pipeline_on_stage_change after update on public.prospects
  for each row execute function public.trigger_ai_pipeline_on_stage_change();
create trigger track_lead_conversion after update on public.prospects
  for each row when ((old.pipeline_stage is distinct from new.pipeline_stage)) execute function public.track_lead_conversion();
create trigger trigger_sync_intelligence_to_chatbot after insert or update on public.company_intelligence_v2
  for each row execute function public.trigger_sync_intelligence_to_chatbot();
create trigger trigger_sync_intelligence_to_public_chatbot after insert or update on public.company_intelligence_v2
  for each row execute function public.trigger_sync_intelligence_to_public_chatbot();
create trigger create_default_automation_settings after insert on public.chatbot_settings
  for each row execute function public.create_default_automation_settings();
create trigger generate_fixed_chatbot_id before insert on public.chatbot_settings
  for each row execute function public.generate_fixed_chatbot_id();
create trigger create_default_efficiency_profile after insert on public.user_energy
  for each row execute function public.create_default_efficiency_profile();
create trigger create_default_energy_pattern after insert on public.user_energy
  for each row execute function public.create_default_energy_pattern();
create trigger create_default_pricing_profile after insert on public.user_energy
  for each row execute function public.create_default_pricing_profile();

create function public.get_user_from_chatbot_id (p_chatbot_id text) returns uuid
language sql stable security definer set search_path = public as $$
  select user_id from chatbot_settings where fixed_chatbot_id = p_chatbot_id and is_active
$$;
