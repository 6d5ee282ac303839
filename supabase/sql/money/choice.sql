-- The model that a call is admitted with: the first candidate that passes every gate.

create or replace function nexscout.refusal(p_outcome nexscout.outcome, p_detail jsonb) returns nexscout.choice
language plpgsql set search_path = '' as $$
declare
  v_choice nexscout.choice;
begin
  v_choice.refusal := p_outcome;
  v_choice.detail := p_detail;
  return v_choice;
end
$$;
comment on function nexscout.refusal is 'The choice of nothing: why a call is not admitted, and what its answer tells beside that';

create or replace function nexscout.downgrade_reason(
  p_first_class text, p_class text, p_tier public.ai_tiers, p_paid boolean, p_day_used boolean
) returns text
language plpgsql set search_path = '' as $$
begin
  return case
    when p_class = p_first_class then null
    when p_tier.premium_allowed is not true then 'tier'
    when p_paid then 'charge_group'
    when p_day_used then 'visitor_day'
    else 'energy'
  end;
end
$$;
comment on function nexscout.downgrade_reason is 'Why a call is admitted with another class than its first candidate''s; null where it is that one';

create or replace function nexscout.choose(
  p nexscout.reservation, p_account public.user_energy, p_tier public.ai_tiers, p_group public.ai_charge_groups
) returns nexscout.choice
language plpgsql set search_path = '' as $$
declare
  v_candidate record;
  -- A shadow is a call that needs no pay, as one of a group that has paid for everything.
  v_paid boolean := p.shadow or p_group.charged_at is not null;
  v_energy_free integer := p_account.current_energy - nexscout.energy_held(p.user_id, p_group.id);
  v_use nexscout.visitor_use := nexscout.visitor_use_of(p, clock_timestamp());
  v_cost_held_usd numeric := p.cost_bound_usd;
  v_first_class text;
  v_cheapest integer;
  v_cheapest_coins integer;
  -- The last gate that a candidate came to; the outcomes stand in the order of the gates.
  v_refusal nexscout.outcome := 'unknown_action';
begin
  for v_candidate in
    select c.value ->> 'model' as model, c.value ->> 'provider' as provider, pr.model_class,
      (c.value ->> 'cost_bound_usd')::numeric as cost_bound_usd, pr.energy * p.units as energy, pr.coins * p.units as coins
    from jsonb_array_elements(p.candidates) with ordinality c
    join public.ai_action_prices pr on pr.action = p.action and pr.model_class = c.value ->> 'model_class'
    order by c.ordinality
  loop
    v_first_class := coalesce(v_first_class, v_candidate.model_class);
    v_refusal := greatest(v_refusal, 'upgrade_required');
    continue when v_candidate.model_class = 'premium' and p_tier.premium_allowed is not true;

    v_refusal := greatest(v_refusal, 'insufficient_energy');
    -- What a group has paid for is the most that its further calls may use.
    continue when v_paid and v_candidate.energy > p_group.charged_energy;
    v_cheapest := least(v_cheapest, v_candidate.energy);
    continue when not v_paid and v_candidate.energy > v_energy_free;

    v_refusal := greatest(v_refusal, 'insufficient_coins');
    v_cheapest_coins := least(v_cheapest_coins, v_candidate.coins);
    continue when not v_paid and v_candidate.coins > 0 and v_candidate.coins > nexscout.coins_free(p.user_id, p_group.id);

    if p.visitor_session_id is not null then
      v_cost_held_usd := nexscout.cost_bound_within(p, v_candidate.energy);
      if not nexscout.visitor_may(v_use, v_candidate.model_class, v_candidate.energy, v_cost_held_usd) then
        v_refusal := 'visitor_cap_reached';
        continue;
      end if;
    end if;

    return row(
      null, null, v_candidate.model, v_candidate.provider, v_candidate.model_class,
      v_candidate.cost_bound_usd, v_cost_held_usd,
      case when v_paid then 0 else v_candidate.energy end, case when v_paid then 0 else v_candidate.coins end,
      nexscout.downgrade_reason(v_first_class, v_candidate.model_class, p_tier, v_paid,
        v_refusal = 'visitor_cap_reached'), p_group.id
    )::nexscout.choice;
  end loop;

  return nexscout.refusal(v_refusal, case v_refusal
    when 'upgrade_required' then jsonb_build_object('tier', p_tier.tier)
    when 'insufficient_energy' then
      jsonb_build_object('required_energy', v_cheapest, 'energy_available', greatest(v_energy_free, 0))
    when 'insufficient_coins' then jsonb_build_object(
      'required_coins', v_cheapest_coins, 'coins_available', greatest(nexscout.coins_free(p.user_id, p_group.id), 0))
  end);
end
$$;
comment on function nexscout.choose is
  'The first candidate whose class the tier allows and whose energy and coins are free, at the prices of now, and that fits into a visitor''s day; else the refusal of the last gate that one came to';
