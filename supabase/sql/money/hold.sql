-- The hold of a call: energy, coins and USD that it can cost, bound until it ends or expires.

create or replace function nexscout.expire_holds(p_user_id uuid, p_at timestamptz) returns void
language plpgsql set search_path = '' as $$
begin
  -- Looked for first: an update that meets nothing costs several times as much.
  perform from public.ai_requests where user_id = p_user_id and state = 'held' and expires_at <= p_at;
  if found then
    update public.ai_requests set state = 'expired', resolved_at = p_at
    where user_id = p_user_id and state = 'held' and expires_at <= p_at;
  end if;
end
$$;
comment on function nexscout.expire_holds is 'Ends the holds of a locked account whose life is over; their energy is free from then on';

create or replace function nexscout.energy_held(
  p_user_id uuid, p_except_group uuid default null, p_except_request uuid default null
) returns integer
language plpgsql stable set search_path = '' as $$
begin
  return (select coalesce(sum(energy), 0) from (
    -- Calls of a group share one hold, less what the group has paid for.
    select case when r.group_id is null then sum(r.energy_held)
      else greatest(max(r.energy_held) - coalesce(max(g.charged_energy), 0), 0) end as energy
    from public.ai_requests r left join public.ai_charge_groups g on g.id = r.group_id
    where r.user_id = p_user_id and r.state = 'held'
      and (p_except_group is null or r.group_id is distinct from p_except_group)
      and (p_except_request is null or r.id <> p_except_request)
    group by r.group_id
  ) holds);
end
$$;
comment on function nexscout.energy_held is 'Energy bound by the open holds of an account (expire_holds first)';

create or replace function nexscout.coins_held(p_user_id uuid, p_except_group uuid default null) returns integer
language sql stable set search_path = '' as $$
  select coalesce(sum(coins), 0)::integer from (
    select case when r.group_id is null then sum(r.coins_held)
      else greatest(max(r.coins_held) - coalesce(max(g.charged_coins), 0), 0) end as coins
    from public.ai_requests r left join public.ai_charge_groups g on g.id = r.group_id
    where r.user_id = p_user_id and r.state = 'held' and r.coins_held > 0
      and (p_except_group is null or r.group_id is distinct from p_except_group)
    group by r.group_id
  ) holds
$$;
comment on function nexscout.coins_held is 'Coins bound by the open holds of an account';

create or replace function nexscout.coins_free(p_user_id uuid, p_except_group uuid) returns integer
language sql stable set search_path = '' as $$
  select coalesce((select coin_balance from public.profiles where id = p_user_id), 0)
    - nexscout.coins_held(p_user_id, p_except_group)
$$;
comment on function nexscout.coins_free is 'Coins that a call of the group may still hold';

create or replace function nexscout.reserved(p public.ai_requests, p_account public.user_energy) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'outcome', 'reserved'::nexscout.outcome,
    'request_id', p.id,
    'provider', p.provider,
    'model', p.model,
    'model_class', p.model_class,
    'downgrade_reason', p.downgrade_reason,
    'class_energy', p.class_energy,
    'energy_held', p.energy_held,
    'coins_held', p.coins_held,
    'tier', p_account.tier,
    'energy_available', greatest(p_account.current_energy - nexscout.energy_held(p.user_id), 0),
    'config_version', coalesce((select v.version from public.ai_config_versions v where v.user_id = p.user_id), 0)
  );
end
$$;
comment on function nexscout.reserved is 'The answer of an admitted call; energy_available is what is left beside all holds';

create or replace function nexscout.hold(
  p nexscout.reservation, p_choice nexscout.choice, p_at timestamptz
) returns public.ai_requests
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_group_id uuid := p_choice.group_id;
begin
  if v_group_id is null and p.group_key is not null and nexscout.calls_per_charge(p.action) > 1 then
    insert into public.ai_charge_groups (user_id, action, group_key, opened_at)
    values (p.user_id, p.action, p.group_key, p_at) returning id into v_group_id;
  end if;
  insert into public.ai_requests (
    id, user_id, workspace_id, function_name, action, units, provider, model, model_class, requested_model,
    downgrade_reason, prompt_version, prospect_id, class_energy, class_coins, energy_held, coins_held, cost_held_usd,
    idempotency_scope, idempotency_key, body_hash, group_id, visitor_session_id, visitor_address_hash,
    shadow, created_at, expires_at
  )
  select p.request_id, p.user_id, p.user_id, p.function_name, p.action, p.units, p_choice.provider, p_choice.model,
    p_choice.model_class, p.requested_model, p_choice.downgrade_reason, p.prompt_version, p.prospect_id,
    jsonb_object_agg(pr.model_class, pr.energy * p.units), jsonb_object_agg(pr.model_class, pr.coins * p.units),
    p_choice.energy, p_choice.coins, p_choice.cost_held_usd, coalesce(p.idempotency_scope, ''), p.idempotency_key, p.body_hash,
    v_group_id, p.visitor_session_id, p.visitor_address_hash, p.shadow, p_at, p_at + make_interval(secs => p.hold_seconds)
  from public.ai_action_prices pr where pr.action = p.action
  returning * into v_request;
  insert into public.ai_usage_attempts (request_id, ordinal, user_id, provider, model, cost_bound_usd, created_at)
  values (p.request_id, 1, p.user_id, p_choice.provider, p_choice.model, p_choice.cost_bound_usd, p_at);
  return v_request;
end
$$;
comment on function nexscout.hold is 'Writes the request with its hold, opens its group where there is none, and notes attempt 1';
