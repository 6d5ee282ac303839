-- What a used project holds. Ana pays, Ben is on the starter tier, Carla administers; the ids end in their places in this file.

insert into auth.users (id, email) values
  ('00000000-0000-4000-8000-000000000001', 'ana@example.com'),
  ('00000000-0000-4000-8000-000000000002', 'ben@example.com'),
  ('00000000-0000-4000-8000-000000000003', 'carla@example.com');
insert into public.profiles (id, email, full_name, subscription_tier, coin_balance, unique_user_id) values
  ('00000000-0000-4000-8000-000000000001', 'ana@example.com', 'Ana Reyes', 'elite', 40, 'NX-1'),
  ('00000000-0000-4000-8000-000000000002', 'ben@example.com', 'Ben Cruz', 'starter', 0, 'NX-2'),
  ('00000000-0000-4000-8000-000000000003', 'carla@example.com', 'Carla Diaz', 'team', 7, 'NX-3');
insert into public.admin_users (user_id) values ('00000000-0000-4000-8000-000000000003');

-- The old code wrote balances by themselves: they do not follow from the transactions.
update public.user_energy set current_energy = 37 where user_id = '00000000-0000-4000-8000-000000000001';
update public.user_energy set current_energy = 0 where user_id = '00000000-0000-4000-8000-000000000002';
insert into public.energy_transactions (user_id, type, reason, energy, balance_after, created_at) values
  ('00000000-0000-4000-8000-000000000001', 'spend', 'ai_message', 10, 90, '2025-11-30 08:00'),
  ('00000000-0000-4000-8000-000000000001', 'spend', 'ai_message', 10, 37, '2025-12-01 08:00'),
  ('00000000-0000-4000-8000-000000000002', 'spend', 'ai_scan', 100, 0, '2025-12-01 09:00');
insert into public.coin_transactions (user_id, type, trigger, coins, balance_after) values
  ('00000000-0000-4000-8000-000000000001', 'earn', 'daily_login', 40, 40);
insert into public.energy_costs (feature, energy_cost) values ('ai_message', 10);

insert into public.company_profiles (id, user_id, company_name, company_description, share_token) values
  ('00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000001', 'Reyes Wellness', 'Barley drinks', 'shared-1');
insert into public.products (id, user_id, company_id, name, main_category, key_benefits) values
  ('00000000-0000-4000-8000-000000000012', '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000011',
    'Barley Max', 'health', array['fibre']);
insert into public.company_intelligence_v2 (id, user_id, company_id, company_name, primary_url, brand_voice, embeddings) values
  ('00000000-0000-4000-8000-000000000013', '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000011',
    'Reyes Wellness', 'https://example.com', '{"tone": "warm"}', '[0.1]');
insert into public.prospects (id, user_id, full_name, pipeline_stage, metadata) values
  ('00000000-0000-4000-8000-000000000021', '00000000-0000-4000-8000-000000000001', 'Dina Santos', 'interested',
    '{"scout_score": 81, "bucket": "hot"}'),
  ('00000000-0000-4000-8000-000000000022', '00000000-0000-4000-8000-000000000002', 'Efren Lim', 'discover', '{}');

insert into public.chatbot_settings (user_id, greeting_message) values
  ('00000000-0000-4000-8000-000000000001', 'Kumusta! Ano ang maitutulong ko?');
insert into public.public_chat_sessions (id, user_id, session_slug, status, prospect_id, created_at) values
  ('00000000-0000-4000-8000-000000000031', '00000000-0000-4000-8000-000000000001', 'new', 'active', null, now()),
  ('00000000-0000-4000-8000-000000000032', '00000000-0000-4000-8000-000000000001', 'old', 'converted',
    '00000000-0000-4000-8000-000000000021', '2025-11-01');
insert into public.public_chat_messages (session_id, sender, message, created_at) values
  ('00000000-0000-4000-8000-000000000031', 'visitor', 'Magkano po?', now()),
  ('00000000-0000-4000-8000-000000000032', 'visitor', 'Interested po ako', '2025-11-01');
insert into public.chatbot_to_prospect_pipeline (user_id, prospect_id, session_id) values
  ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000021', '00000000-0000-4000-8000-000000000032');
-- A type that came after the ones the functions know.
insert into public.notifications (user_id, type, title, message) values
  ('00000000-0000-4000-8000-000000000001', 'level_up', 'Level 3', 'You reached level 3');

insert into public.scans (id, user_id, status, hot_leads) values
  ('00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000001', 'completed', 1);
insert into public.scan_status (scan_id, step, percent) values ('00000000-0000-4000-8000-000000000041', 'completed', 100);
insert into public.scan_processed_items (scan_id, type, name, score) values
  ('00000000-0000-4000-8000-000000000041', 'text', 'Dina Santos', 81);
insert into public.scan_results (scan_id) values ('00000000-0000-4000-8000-000000000041');
insert into public.ai_generations (user_id, prospect_id, generation_type, output_text) values
  ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000021', 'message', 'Hi Dina');
insert into public.ai_usage_logs (id, user_id, feature_type, model_used, tokens_used, cost_usd, error_message) values
  ('00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000001', 'ai_message', 'gpt-4o', 512, 0.0123, null),
  ('00000000-0000-4000-8000-000000000052', '00000000-0000-4000-8000-000000000002', 'ai_scan', 'gpt-4o', 0, 0, 'timed out');

-- The history of the app's own migrations; one of the last bears the version and the name of a file of ours.
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations (version, name)
select to_char(timestamp '2025-11-24 19:00' + place * interval '30 minutes', 'YYYYMMDDHH24MISS'), 'app_' || place
from generate_series(1, 357) as place;
insert into supabase_migrations.schema_migrations (version, name) values
  ('20251203000100', 'app_358'), ('20251203120000', 'create_ai_usage_logs_table'), ('20251203130000', 'app_360'),
  ('20251203140000', 'app_361'), ('20251203150000', 'app_362'), ('20251203160000', 'app_363'), ('20251203170000', 'app_364'),
  ('20251203180000', 'app_365'), ('20251203190000', 'app_366'), ('20251203195000', 'app_367'), ('20251203200000', 'app_368'),
  ('20251203201000', 'app_369'), ('20251203210000', 'app_370'), ('20251203220000', 'app_371'), ('20251204000000', 'app_372'),
  ('20251211140710', 'app_373');
