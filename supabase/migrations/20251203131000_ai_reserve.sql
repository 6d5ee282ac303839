-- The only way into a call: one transaction that decides and holds.

do $$
begin
  create type nexscout.reservation as (
    request_id uuid,
    user_id uuid,
    function_name text,
    action text,
    units integer,
    candidates jsonb,
    cost_bound_usd numeric,
    hold_seconds integer,
    requested_model text,
    paid_tiers_only boolean,
    idempotency_scope text,
    idempotency_key text,
    body_hash text,
    group_key text,
    prospect_id uuid,
    prompt_version text,
    visitor_session_id uuid,
    visitor_address_hash text,
    shadow boolean
  );
exception when duplicate_object then null;
end
$$;
comment on type nexscout.reservation is
  'What ai_reserve takes. candidates: ordered [{"model", "provider", "model_class", "cost_bound_usd"}]; cost_bound_usd: over all attempts';

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

create or replace function nexscout.earlier_call(p public.ai_requests, p_body_hash text, p_at timestamptz) returns jsonb
language sql stable set search_path = '' as $$
  select case
    when p.body_hash is distinct from p_body_hash then
      jsonb_build_object('outcome', 'idempotency_conflict'::nexscout.outcome)
    when p.state = 'held' then
      jsonb_build_object('outcome', 'in_progress'::nexscout.outcome, 'request_id', p.id,
        'retry_after_seconds', greatest(1, least(2, ceil(extract(epoch from p.expires_at - p_at))))::integer)
    else
      jsonb_build_object('outcome', 'replayed'::nexscout.outcome, 'request_id', p.id, 'reply', p.reply,
        'reply_status', p.reply_status, 'model', p.model)
  end
$$;
comment on function nexscout.earlier_call is 'The answer to a key that was used before: conflict, still running, or the stored reply';

create or replace function nexscout.find_earlier_call(p nexscout.reservation, p_at timestamptz) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_earlier public.ai_requests;
begin
  if p.idempotency_key is null then
    return null;
  end if;
  select * into v_earlier from public.ai_requests
  where user_id = p.user_id and idempotency_scope = coalesce(p.idempotency_scope, '')
    and idempotency_key = p.idempotency_key and state in ('held', 'settled');
  if not found then
    return null;
  end if;
  if v_earlier.state = 'settled' and v_earlier.resolved_at
    < p_at - make_interval(hours => (select reply_retention_hours from public.ai_policy)) then
    update public.ai_requests set idempotency_key = null, reply = null where id = v_earlier.id;
    return null;
  end if;
  return nexscout.earlier_call(v_earlier, p.body_hash, p_at);
end
$$;
comment on function nexscout.find_earlier_call is 'What an earlier call under the same key answers, or null when the key is free';

create or replace function nexscout.calls_per_charge(p_action text) returns integer
language sql stable set search_path = '' as $$
  select coalesce(min(calls_per_charge), 1) from public.ai_action_prices where action = p_action
$$;

comment on function nexscout.calls_per_charge is 'How many calls of an action one charge pays for';

create or replace function nexscout.find_group(p nexscout.reservation, p_at timestamptz) returns public.ai_charge_groups
language plpgsql set search_path = '' as $$
declare
  v_group public.ai_charge_groups;
begin
  if p.group_key is null then
    return null;
  end if;
  select * into v_group from public.ai_charge_groups
  where user_id = p.user_id and action = p.action and group_key = p.group_key
  order by opened_at desc limit 1;
  if found
    and v_group.opened_at > p_at - make_interval(mins => (select charge_group_minutes from public.ai_policy))
    and nexscout.calls_per_charge(p.action)
      > (select count(*) from public.ai_requests where group_id = v_group.id and state in ('held', 'settled'))
    and (v_group.charged_at is null or exists (
      select 1 from jsonb_array_elements(p.candidates) c
      join public.ai_action_prices pr on pr.action = p.action and pr.model_class = c.value ->> 'model_class'
      where pr.energy * p.units <= v_group.charged_energy))
  then
    return v_group;
  end if;
  return null;
end
$$;
comment on function nexscout.find_group is
  'The open group that this call can still join: young, not full, and paid for a class that the call accepts; else null';

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

do $$
begin
  create type nexscout.visitor_use as (
    energy bigint,
    cost_usd numeric,
    session_energy bigint,
    address_energy bigint,
    address_cost_usd numeric
  );
exception when duplicate_object then null;
end
$$;
comment on type nexscout.visitor_use is
  'What a workspace''s visitors have used and hold since the day began: all of them, this one''s session, this one''s address';

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

create or replace function nexscout.seconds_until_free(p_call_at timestamptz, p_at timestamptz) returns integer
language sql immutable set search_path = '' as $$
  select greatest(1, ceil(extract(epoch from p_call_at + interval '1 minute' - p_at)))::integer
$$;
comment on function nexscout.seconds_until_free is 'Seconds until a call of the last minute has left it';

create or replace function nexscout.rate_limit_wait(p nexscout.reservation, p_tier public.ai_tiers, p_at timestamptz)
returns integer
language plpgsql set search_path = '' as $$
declare
  v_policy public.ai_policy;
  v_since timestamptz := p_at - interval '1 minute';
  v_call_at timestamptz;
  v_address_call_at timestamptz;
begin
  if p.shadow then
    return 0;
  end if;
  -- With n calls a minute, the next is free when the n-th newest has left the minute.
  if p.visitor_session_id is null then
    if p_tier.calls_per_minute > 0 then
      select created_at into v_call_at from public.ai_requests
      where user_id = p.user_id and visitor_session_id is null and not shadow and created_at > v_since
      order by created_at desc offset p_tier.calls_per_minute - 1 limit 1;
    else
      v_call_at := p_at;
    end if;
    return case when v_call_at is null then 0 else nexscout.seconds_until_free(v_call_at, p_at) end;
  end if;
  select * into v_policy from public.ai_policy;
  if least(v_policy.visitor_session_calls_per_minute, v_policy.visitor_address_calls_per_minute) = 0 then
    return nexscout.seconds_until_free(p_at, p_at);
  end if;
  select created_at into v_call_at from public.ai_requests
  where visitor_session_id = p.visitor_session_id and created_at > v_since
  order by created_at desc offset v_policy.visitor_session_calls_per_minute - 1 limit 1;
  select created_at into v_address_call_at from public.ai_requests
  where workspace_id = p.user_id and visitor_address_hash = p.visitor_address_hash and created_at > v_since
  order by created_at desc offset v_policy.visitor_address_calls_per_minute - 1 limit 1;
  v_call_at := greatest(v_call_at, v_address_call_at);
  return case when v_call_at is null then 0 else nexscout.seconds_until_free(v_call_at, p_at) end;
end
$$;
comment on function nexscout.rate_limit_wait is 'Seconds that the caller has to wait for its calls per minute; 0 when it may go on';

create or replace function nexscout.refuse(
  p nexscout.reservation, p_tier public.ai_tiers, p_outcome nexscout.outcome, p_detail jsonb default '{}'
) returns jsonb
language plpgsql set search_path = '' as $$
begin
  -- A flood must not grow a table: a user's refusals are written down as often as he may call.
  insert into public.ai_usage_logs (
    request_id, user_id, workspace_id, prospect_id, function_name, action, requested_model, prompt_version,
    success, error_code, shadow
  )
  select p.request_id, p.user_id, p.user_id, p.prospect_id, p.function_name, p.action, p.requested_model,
    p.prompt_version, false, p_outcome::text, p.shadow
  where (
    select count(*) from (
      select from public.ai_usage_logs
      where user_id = p.user_id and shadow = p.shadow and created_at > clock_timestamp() - interval '1 minute'
      limit p_tier.calls_per_minute
    ) recent
  ) < p_tier.calls_per_minute
  on conflict (request_id) do nothing;
  return jsonb_build_object('outcome', p_outcome) || p_detail;
end
$$;
comment on function nexscout.refuse is 'The answer of a call that is not admitted, with its usage row';

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

create or replace function nexscout.read_reservation(p_request text) returns nexscout.reservation
language plpgsql set search_path = '' as $$
declare
  p nexscout.reservation := jsonb_populate_record(null::nexscout.reservation, p_request::jsonb);
begin
  p.units := coalesce(p.units, 1);
  p.shadow := coalesce(p.shadow, false);
  if p.shadow then
    -- The key, the group and the visitor's share are those of the call that another function answers.
    p.idempotency_key := null;
    p.group_key := null;
    p.visitor_session_id := null;
    p.visitor_address_hash := null;
  end if;
  -- Written so that a null and a NaN are refused too.
  if (
    p.request_id is not null and p.user_id is not null and p.function_name is not null and p.action is not null
    and p.units between 1 and 100000 and p.hold_seconds between 1 and 86400
    and p.cost_bound_usd between 0 and 1000000 and jsonb_array_length(p.candidates) > 0
  ) is not true then
    raise exception 'ai_reserve: a field is missing or out of range' using errcode = 'invalid_parameter_value';
  end if;
  return p;
end
$$;
comment on function nexscout.read_reservation is 'The argument of ai_reserve; raises invalid_parameter_value for what no caller of ours sends';

create or replace function nexscout.repeated(p_request public.ai_requests, p_account public.user_energy) returns jsonb
language sql stable set search_path = '' as $$
  select case
    when p_request.user_id <> p_account.user_id then jsonb_build_object('outcome', 'unknown_request'::nexscout.outcome)
    when p_request.state = 'held' then nexscout.reserved(p_request, p_account)
    when p_request.state = 'expired' then jsonb_build_object('outcome', 'expired'::nexscout.outcome)
    else jsonb_build_object('outcome', ('already_' || p_request.state)::nexscout.outcome)
  end
$$;
comment on function nexscout.repeated is 'The answer to a reservation whose first answer was lost on the way';

do $$
begin
  create type nexscout.choice as (
    refusal nexscout.outcome,
    detail jsonb,
    model text,
    provider text,
    model_class text,
    cost_bound_usd numeric,
    cost_held_usd numeric,
    energy integer,
    coins integer,
    downgrade_reason text
  );
exception when duplicate_object then null;
end
$$;
comment on type nexscout.choice is 'The candidate that a call is admitted with and what it holds, or why there is none';

create or replace function nexscout.choose(
  p nexscout.reservation, p_account public.user_energy, p_tier public.ai_tiers, p_group public.ai_charge_groups
) returns nexscout.choice
language plpgsql set search_path = '' as $$
declare
  v_choice nexscout.choice;
  v_candidate record;
  -- A shadow is a call that needs no pay, as one of a group that has paid for everything.
  v_paid boolean := p.shadow or p_group.charged_at is not null;
  v_energy_free integer := p_account.current_energy - nexscout.energy_held(p.user_id, p_group.id);
  v_first_class text;
  v_cheapest integer;
  v_cheapest_coins integer;
  v_tier_allows boolean := false;
  v_energy_allows boolean := false;
  v_coins_allow boolean := false;
  v_day_used boolean := false;
  v_use nexscout.visitor_use := nexscout.visitor_use_of(p, clock_timestamp());
  v_cost_held_usd numeric := p.cost_bound_usd;
begin
  for v_candidate in
    select c.value ->> 'model' as model, c.value ->> 'provider' as provider, pr.model_class,
      (c.value ->> 'cost_bound_usd')::numeric as cost_bound_usd, pr.energy * p.units as energy, pr.coins * p.units as coins
    from jsonb_array_elements(p.candidates) with ordinality c
    join public.ai_action_prices pr on pr.action = p.action and pr.model_class = c.value ->> 'model_class'
    order by c.ordinality
  loop
    v_first_class := coalesce(v_first_class, v_candidate.model_class);
    continue when v_candidate.model_class = 'premium' and p_tier.premium_allowed is not true;
    v_tier_allows := true;
    -- What a group has paid for is the most that its further calls may use.
    continue when v_paid and v_candidate.energy > p_group.charged_energy;
    v_cheapest := least(v_cheapest, v_candidate.energy);
    continue when not v_paid and v_candidate.energy > v_energy_free;
    v_energy_allows := true;
    v_cheapest_coins := least(v_cheapest_coins, v_candidate.coins);
    continue when not v_paid and v_candidate.coins > 0 and v_candidate.coins > nexscout.coins_free(p.user_id, p_group.id);
    v_coins_allow := true;
    if p.visitor_session_id is not null then
      v_cost_held_usd := nexscout.cost_bound_within(p, v_candidate.energy);
      if not nexscout.visitor_may(v_use, v_candidate.model_class, v_candidate.energy, v_cost_held_usd) then
        v_day_used := true;
        continue;
      end if;
    end if;

    v_choice.model := v_candidate.model;
    v_choice.provider := v_candidate.provider;
    v_choice.model_class := v_candidate.model_class;
    v_choice.cost_bound_usd := v_candidate.cost_bound_usd;
    v_choice.cost_held_usd := v_cost_held_usd;
    v_choice.energy := case when v_paid then 0 else v_candidate.energy end;
    v_choice.coins := case when v_paid then 0 else v_candidate.coins end;
    v_choice.downgrade_reason := case
      when v_candidate.model_class = v_first_class then null
      when p_tier.premium_allowed is not true then 'tier'
      when v_paid then 'charge_group'
      when v_day_used then 'visitor_day'
      else 'energy'
    end;
    return v_choice;
  end loop;

  if v_first_class is null then
    v_choice.refusal := 'unknown_action';
  elsif not v_tier_allows then
    v_choice.refusal := 'upgrade_required';
    v_choice.detail := jsonb_build_object('tier', p_tier.tier);
  elsif not v_energy_allows then
    v_choice.refusal := 'insufficient_energy';
    v_choice.detail := jsonb_build_object('required_energy', v_cheapest, 'energy_available', greatest(v_energy_free, 0));
  elsif not v_coins_allow then
    v_choice.refusal := 'insufficient_coins';
    v_choice.detail := jsonb_build_object(
      'required_coins', v_cheapest_coins, 'coins_available', greatest(nexscout.coins_free(p.user_id, p_group.id), 0));
  else
    v_choice.refusal := 'visitor_cap_reached';
    v_choice.detail := '{}';
  end if;
  return v_choice;
end
$$;
comment on function nexscout.choose is
  'The first candidate whose class the tier allows and whose energy and coins are free, at the prices of now, and that fits into a visitor''s day';

create or replace function nexscout.hold(
  p nexscout.reservation, p_choice nexscout.choice, p_group_id uuid, p_at timestamptz
) returns public.ai_requests
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_group_id uuid := p_group_id;
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

-- Text, not jsonb: gateways re-encode a jsonb argument in different ways, and a text arrives as it was written.
create or replace function public.ai_reserve(p_request text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  p nexscout.reservation := nexscout.read_reservation(p_request);
  v_now timestamptz;
  v_account public.user_energy := case when p.shadow then nexscout.account_as_it_stands(p.user_id)
    else nexscout.lock_account(p.user_id) end;
  v_tier public.ai_tiers;
  v_group public.ai_charge_groups;
  v_request public.ai_requests;
  v_choice nexscout.choice;
  v_earlier jsonb;
  v_wait integer;
begin
  if v_account.user_id is null then
    return jsonb_build_object('outcome', 'unknown_account'::nexscout.outcome);
  end if;
  -- After the lock: a wait for it must not make a hold look alive that has ended meanwhile.
  v_now := clock_timestamp();
  if not p.shadow then
    perform nexscout.expire_holds(p.user_id, v_now);
  end if;

  select * into v_request from public.ai_requests where id = p.request_id;
  if found then
    return nexscout.repeated(v_request, v_account);
  end if;
  v_earlier := nexscout.find_earlier_call(p, v_now);
  if v_earlier is not null then
    return v_earlier;
  end if;

  -- The lock brought the account's tier in step with the profile.
  select * into v_tier from public.ai_tiers where tier = v_account.tier;
  if coalesce(p.paid_tiers_only, false) and v_tier.paid is not true then
    return nexscout.refuse(p, v_tier, 'upgrade_required', jsonb_build_object('tier', v_tier.tier));
  end if;
  v_group := nexscout.find_group(p, v_now);
  v_choice := nexscout.choose(p, v_account, v_tier, v_group);
  if v_choice.refusal = 'unknown_action' then
    return jsonb_build_object('outcome', v_choice.refusal);
  end if;
  if v_choice.refusal is not null then
    return nexscout.refuse(p, v_tier, v_choice.refusal, v_choice.detail);
  end if;
  if nexscout.spend_cap_reached(p, v_tier, v_now) then
    return nexscout.refuse(p, v_tier, 'spend_cap_reached');
  end if;
  v_wait := nexscout.rate_limit_wait(p, v_tier, v_now);
  if v_wait > 0 then
    -- No row: a flood must not grow a table.
    return jsonb_build_object('outcome', 'rate_limited'::nexscout.outcome, 'retry_after_seconds', v_wait);
  end if;
  v_request := nexscout.hold(p, v_choice, v_group.id, v_now);
  return nexscout.reserved(v_request, v_account);
end
$$;
comment on function public.ai_reserve is
  'Takes a nexscout.reservation as JSON. Admits a call or says why not, in the order idempotency, tier, energy, caps, limits; holds the energy, coins and USD that it can cost and notes attempt 1. A shadow meets the tier and the shadows'' own cap alone, and holds USD alone. For the service key only';

create or replace function public.ai_note_attempt(
  p_request_id uuid, p_ordinal integer, p_provider text, p_model text, p_cost_bound_usd text
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
begin
  -- The user first, as for every lock of ours.
  perform nexscout.pin_user((select user_id from public.ai_requests where id = p_request_id));
  select * into v_request from public.ai_requests where id = p_request_id for update;
  if not found then
    return jsonb_build_object('outcome', 'unknown_request'::nexscout.outcome);
  end if;
  if v_request.state = 'settled' then
    return jsonb_build_object('outcome', 'already_settled'::nexscout.outcome);
  end if;
  if v_request.state = 'released' then
    return jsonb_build_object('outcome', 'already_released'::nexscout.outcome);
  end if;
  if v_request.state = 'expired' or v_request.expires_at <= clock_timestamp() then
    return jsonb_build_object('outcome', 'expired'::nexscout.outcome);
  end if;
  insert into public.ai_usage_attempts (request_id, ordinal, user_id, provider, model, cost_bound_usd, created_at)
  values (p_request_id, p_ordinal, v_request.user_id, p_provider, p_model, p_cost_bound_usd::numeric, clock_timestamp())
  on conflict (request_id, ordinal) do nothing;
  return jsonb_build_object('outcome', 'noted'::nexscout.outcome);
end
$$;
comment on function public.ai_note_attempt is
  'Notes a further attempt before it is sent; only for a hold that still lives. For the service key only';

revoke all on function
  nexscout.expire_holds(uuid, timestamptz), nexscout.energy_held(uuid, uuid, uuid), nexscout.coins_held(uuid, uuid),
  nexscout.coins_free(uuid, uuid), nexscout.earlier_call(public.ai_requests, text, timestamptz),
  nexscout.find_earlier_call(nexscout.reservation, timestamptz), nexscout.find_group(nexscout.reservation, timestamptz),
  nexscout.calls_per_charge(text),
  nexscout.shadow_cap_reached(nexscout.reservation, timestamptz),
  nexscout.spend_cap_reached(nexscout.reservation, public.ai_tiers, timestamptz),
  nexscout.visitor_use_of(nexscout.reservation, timestamptz),
  nexscout.visitor_may(nexscout.visitor_use, text, integer, numeric),
  nexscout.cost_bound_within(nexscout.reservation, integer),
  nexscout.seconds_until_free(timestamptz, timestamptz),
  nexscout.rate_limit_wait(nexscout.reservation, public.ai_tiers, timestamptz),
  nexscout.refuse(nexscout.reservation, public.ai_tiers, nexscout.outcome, jsonb),
  nexscout.reserved(public.ai_requests, public.user_energy), nexscout.read_reservation(text),
  nexscout.repeated(public.ai_requests, public.user_energy),
  nexscout.choose(nexscout.reservation, public.user_energy, public.ai_tiers, public.ai_charge_groups),
  nexscout.hold(nexscout.reservation, nexscout.choice, uuid, timestamptz),
  public.ai_reserve(text), public.ai_note_attempt(uuid, integer, text, text, text)
  from public, anon, authenticated;
grant execute on function
  nexscout.expire_holds(uuid, timestamptz), nexscout.energy_held(uuid, uuid, uuid), nexscout.coins_held(uuid, uuid),
  nexscout.coins_free(uuid, uuid), nexscout.earlier_call(public.ai_requests, text, timestamptz),
  nexscout.find_earlier_call(nexscout.reservation, timestamptz), nexscout.find_group(nexscout.reservation, timestamptz),
  nexscout.calls_per_charge(text),
  nexscout.shadow_cap_reached(nexscout.reservation, timestamptz),
  nexscout.spend_cap_reached(nexscout.reservation, public.ai_tiers, timestamptz),
  nexscout.visitor_use_of(nexscout.reservation, timestamptz),
  nexscout.visitor_may(nexscout.visitor_use, text, integer, numeric),
  nexscout.cost_bound_within(nexscout.reservation, integer),
  nexscout.seconds_until_free(timestamptz, timestamptz),
  nexscout.rate_limit_wait(nexscout.reservation, public.ai_tiers, timestamptz),
  nexscout.refuse(nexscout.reservation, public.ai_tiers, nexscout.outcome, jsonb),
  nexscout.reserved(public.ai_requests, public.user_energy), nexscout.read_reservation(text),
  nexscout.repeated(public.ai_requests, public.user_energy),
  nexscout.choose(nexscout.reservation, public.user_energy, public.ai_tiers, public.ai_charge_groups),
  nexscout.hold(nexscout.reservation, nexscout.choice, uuid, timestamptz),
  public.ai_reserve(text), public.ai_note_attempt(uuid, integer, text, text, text)
  to service_role;
