-- Usage by day, by month and by model, without the copies of shadow calls.

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
