-- What anonymous visitors may use of a workspace in a day.

create or replace function nexscout.visitor_use_of(p nexscout.reservation, p_at timestamptz) returns nexscout.visitor_use
language plpgsql set search_path = '' as $$
declare
  v_use nexscout.visitor_use;
begin
  if p.visitor_session_id is null then
    return null;
  end if;
  select coalesce(sum(u.energy), 0), coalesce(sum(u.cost_usd), 0),
    coalesce(sum(u.energy) filter (where u.visitor_session_id = p.visitor_session_id), 0),
    coalesce(sum(u.energy) filter (where u.visitor_address_hash = p.visitor_address_hash), 0),
    coalesce(sum(u.cost_usd) filter (where u.visitor_address_hash = p.visitor_address_hash), 0)
  into v_use
  from (
    select case when state = 'held' then energy_held else energy_charged end as energy,
      coalesce(cost_usd, cost_held_usd) as cost_usd, visitor_session_id, visitor_address_hash
    from public.ai_requests
    where workspace_id = p.user_id and visitor_session_id is not null and created_at >= nexscout.day_start(p_at)
  ) u;
  return v_use;
end
$$;
comment on function nexscout.visitor_use_of is 'The use of the day so far that a visitor''s call is measured by; null for a user''s own';

create or replace function nexscout.visitor_may(
  p_use nexscout.visitor_use, p_model_class text, p_energy integer, p_cost_bound_usd numeric
) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return (
    select p_use.energy + p_energy <= y.visitor_energy_per_day
      and p_use.cost_usd + p_cost_bound_usd <= y.visitor_cost_usd_per_day
      and p_use.session_energy + p_energy <= y.visitor_session_energy_per_day
      and p_use.address_energy + p_energy <= y.visitor_address_energy_per_day
      and p_use.address_cost_usd + p_cost_bound_usd <= y.visitor_address_cost_usd_per_day
      and (p_model_class <> 'premium' or p_use.energy + p_energy <= y.visitor_premium_energy_per_day)
    from public.ai_policy y);
end
$$;
comment on function nexscout.visitor_may is
  'Whether a call of a class fits into what is left of the day: the workspace''s, the session''s, the address''s, the class''s';

create or replace function nexscout.cost_bound_within(p nexscout.reservation, p_energy integer) returns numeric
language plpgsql stable set search_path = '' as $$
begin
  -- A failing call goes on to models of no more energy than it holds: a standard one never to a premium one.
  return (
    select p.cost_bound_usd * coalesce(
      max((c.value ->> 'cost_bound_usd')::numeric) filter (where pr.energy * p.units <= p_energy)
        / nullif(max((c.value ->> 'cost_bound_usd')::numeric), 0), 1)
    from jsonb_array_elements(p.candidates) c
    join public.ai_action_prices pr on pr.action = p.action and pr.model_class = c.value ->> 'model_class');
end
$$;
comment on function nexscout.cost_bound_within is
  'The most that all attempts of a call can cost when it holds so much energy; for calls that name no model';
