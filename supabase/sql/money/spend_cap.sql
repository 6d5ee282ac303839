-- Caps in USD: a user's and a workspace's for the month, all shadow calls' for the day.

create or replace function nexscout.shadow_cap_reached(p nexscout.reservation, p_at timestamptz) returns boolean
language plpgsql set search_path = '' as $$
begin
  -- One at a time: two that looked at the same sum would both fit into it.
  perform pg_advisory_xact_lock(hashtextextended('nexscout.shadow', 0));
  return p.cost_bound_usd
    + (select coalesce(sum(coalesce(cost_usd, cost_held_usd)), 0)
       from public.ai_requests where shadow and created_at >= nexscout.day_start(p_at))
    > (select shadow_cost_usd_per_day from public.ai_policy);
end
$$;
comment on function nexscout.shadow_cap_reached is
  'True when what all shadow calls of the day spent and hold, plus this call''s bound, exceeds what they may';

create or replace function nexscout.spend_cap_reached(p nexscout.reservation, p_tier public.ai_tiers, p_at timestamptz)
returns boolean
language plpgsql set search_path = '' as $$
declare
  v_user_cap numeric := coalesce(
    (select monthly_cost_usd from public.ai_spend_caps where scope = 'user' and subject_id = p.user_id),
    p_tier.monthly_cost_cap_usd);
  v_workspace_cap numeric :=
    (select monthly_cost_usd from public.ai_spend_caps where scope = 'workspace' and subject_id = p.user_id);
  v_own numeric;
  v_all numeric;
begin
  if p.shadow then
    return nexscout.shadow_cap_reached(p, p_at);
  end if;
  if v_user_cap is null and v_workspace_cap is null then
    return false;
  end if;
  -- What is open or not yet swept counts with all that it may cost.
  select coalesce(sum(coalesce(cost_usd, cost_held_usd)) filter (where visitor_session_id is null), 0),
         coalesce(sum(coalesce(cost_usd, cost_held_usd)), 0)
  into v_own, v_all
  from public.ai_requests where workspace_id = p.user_id and not shadow and created_at >= nexscout.month_start(p_at);
  return coalesce(p.visitor_session_id is null and v_own + p.cost_bound_usd > v_user_cap, false)
    or coalesce(v_all + p.cost_bound_usd > v_workspace_cap, false);
end
$$;
comment on function nexscout.spend_cap_reached is
  'True when spent plus held plus this call''s bound exceeds a monthly cap in USD, or for a shadow the day''s';
