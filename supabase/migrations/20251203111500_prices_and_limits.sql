-- Prices, tiers and limits are rows that the owner edits; no number of them stands in code.

create table if not exists public.ai_policy (
  id boolean primary key default true check (id),
  day_time_zone text not null default 'Asia/Manila',
  charge_group_minutes integer not null default 10 check (charge_group_minutes > 0),
  reply_retention_hours integer not null default 24 check (reply_retention_hours > 0),
  visitor_session_calls_per_minute integer not null default 20 check (visitor_session_calls_per_minute >= 0),
  visitor_address_calls_per_minute integer not null default 60 check (visitor_address_calls_per_minute >= 0),
  visitor_energy_per_day integer not null default 500 check (visitor_energy_per_day >= 0),
  visitor_cost_usd_per_day numeric(20, 12) not null default 2 check (visitor_cost_usd_per_day >= 0),
  visitor_premium_energy_per_day integer not null default 70 check (visitor_premium_energy_per_day >= 0),
  visitor_session_energy_per_day integer not null default 140 check (visitor_session_energy_per_day >= 0),
  visitor_address_energy_per_day integer not null default 140 check (visitor_address_energy_per_day >= 0),
  visitor_address_cost_usd_per_day numeric(20, 12) not null default 1 check (visitor_address_cost_usd_per_day >= 0),
  shadow_cost_usd_per_day numeric(20, 12) not null default 5 check (shadow_cost_usd_per_day >= 0)
);
comment on column public.ai_policy.visitor_premium_energy_per_day is
  'When a workspace''s visitors have used so much energy in a day, the standard class answers the others';
comment on column public.ai_policy.visitor_address_energy_per_day is
  'One address''s share of the workspace''s day: what it leaves answers the others (docs/decisions/visitor-limits.md)';
comment on column public.ai_policy.shadow_cost_usd_per_day is
  'What all shadow calls together may cost in a day (docs/cutover.md); nobody else''s limit knows of them';
comment on table public.ai_policy is
  'One row: the time zone of a day, how long groups and stored replies live, and what anonymous visitors of one workspace may use';
insert into public.ai_policy default values on conflict (id) do nothing;

create table if not exists public.ai_tiers (
  tier text primary key check (tier in ('free', 'pro', 'team', 'enterprise')),
  daily_energy integer not null check (daily_energy >= 0),
  calls_per_minute integer not null check (calls_per_minute >= 0),
  premium_allowed boolean not null,
  paid boolean not null,
  monthly_cost_cap_usd numeric(20, 12) check (monthly_cost_cap_usd >= 0)
);
comment on table public.ai_tiers is
  'What each tier gives: energy a day, calls a minute, access to the premium class, and a monthly cap in USD (empty: none)';
insert into public.ai_tiers (tier, daily_energy, calls_per_minute, premium_allowed, paid) values
  ('free', 100, 60, false, false),
  ('pro', 500, 600, true, true),
  ('team', 1000, 600, true, true),
  ('enterprise', 5000, 600, true, true)
on conflict (tier) do nothing;

create table if not exists public.ai_action_prices (
  action text not null,
  model_class text not null check (model_class in ('premium', 'standard')),
  energy integer not null check (energy >= 0),
  coins integer not null default 0 check (coins >= 0),
  calls_per_charge integer not null default 1 check (calls_per_charge >= 1),
  primary key (action, model_class)
);
comment on table public.ai_action_prices is
  'Energy and coins per unit of an action in each model class; read by ai_reserve and nowhere else';
insert into public.ai_action_prices (action, model_class, energy, calls_per_charge) values
  ('ai_message', 'premium', 10, 10),
  ('ai_message', 'standard', 3, 10),
  ('ai_objection_handler', 'premium', 10, 1),
  ('ai_objection_handler', 'standard', 3, 1),
  ('ai_chatbot_response', 'premium', 10, 1),
  ('ai_chatbot_response', 'standard', 3, 1),
  ('ai_scan', 'premium', 15, 1),
  ('ai_scan', 'standard', 5, 1),
  ('ai_deep_scan', 'premium', 25, 1),
  ('ai_deep_scan', 'standard', 8, 1),
  ('ai_company_analysis', 'premium', 30, 1),
  ('ai_company_analysis', 'standard', 10, 1),
  ('ai_follow_up_sequence', 'premium', 50, 10),
  ('ai_follow_up_sequence', 'standard', 15, 10),
  ('ai_pitch_deck', 'premium', 100, 1),
  ('ai_pitch_deck', 'standard', 30, 1)
on conflict (action, model_class) do nothing;

create table if not exists public.ai_spend_caps (
  scope text not null check (scope in ('user', 'workspace')),
  subject_id uuid not null references auth.users (id) on delete cascade,
  monthly_cost_usd numeric(20, 12) not null check (monthly_cost_usd >= 0),
  primary key (scope, subject_id)
);
comment on table public.ai_spend_caps is
  'Monthly caps in USD for one user''s own calls or for a whole workspace with its visitors; no row, no cap';
create index if not exists ai_spend_caps_subject_id_idx on public.ai_spend_caps (subject_id);

alter table public.ai_policy enable row level security;
alter table public.ai_tiers enable row level security;
alter table public.ai_action_prices enable row level security;
alter table public.ai_spend_caps enable row level security;
