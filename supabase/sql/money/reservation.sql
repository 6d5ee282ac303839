-- The only way into a call: one transaction that decides and holds.

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

create or replace function nexscout.admit(
  p nexscout.reservation, p_account public.user_energy, p_tier public.ai_tiers, p_at timestamptz
) returns nexscout.choice
language plpgsql set search_path = '' as $$
declare
  v_choice nexscout.choice;
  v_wait integer;
begin
  if coalesce(p.paid_tiers_only, false) and p_tier.paid is not true then
    return nexscout.refusal('upgrade_required', jsonb_build_object('tier', p_tier.tier));
  end if;
  v_choice := nexscout.choose(p, p_account, p_tier, nexscout.find_group(p, p_at));
  if v_choice.refusal is not null then
    return v_choice;
  end if;
  if nexscout.spend_cap_reached(p, p_tier, p_at) then
    return nexscout.refusal('spend_cap_reached', '{}');
  end if;
  v_wait := nexscout.rate_limit_wait(p, p_tier, p_at);
  if v_wait > 0 then
    return nexscout.refusal('rate_limited', jsonb_build_object('retry_after_seconds', v_wait));
  end if;
  return v_choice;
end
$$;
comment on function nexscout.admit is 'The choice that a call is admitted with, or its refusal, in the order tier, energy, coins, visitors'' day, caps, limits';

create or replace function nexscout.refuse(
  p nexscout.reservation, p_tier public.ai_tiers, p_outcome nexscout.outcome, p_detail jsonb
) returns jsonb
language plpgsql set search_path = '' as $$
begin
  -- A flood must not grow a table: a user's refusals are written down as often as he may call, the call too many not at all.
  if p_outcome not in ('unknown_action', 'rate_limited') then
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
  end if;
  return jsonb_build_object('outcome', p_outcome) || coalesce(p_detail, '{}');
end
$$;
comment on function nexscout.refuse is 'The answer of a call that is not admitted, with its usage row';

-- Text, not jsonb: gateways re-encode a jsonb argument in different ways, and a text arrives as it was written.
create or replace function public.ai_reserve(p_request text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  p nexscout.reservation := nexscout.read_reservation(p_request);
  v_account public.user_energy := nexscout.account_for_call(p.user_id, p.shadow);
  v_now timestamptz;
  v_earlier jsonb;
  v_tier public.ai_tiers;
  v_choice nexscout.choice;
  v_request public.ai_requests;
begin
  if v_account.user_id is null then
    return jsonb_build_object('outcome', 'unknown_account'::nexscout.outcome);
  end if;
  -- After the lock: a wait for it must not make a hold look alive that has ended meanwhile.
  v_now := clock_timestamp();
  if not p.shadow then
    perform nexscout.expire_holds(p.user_id, v_now);
  end if;
  v_earlier := nexscout.earlier_answer(p, v_account, v_now);
  if v_earlier is not null then
    return v_earlier;
  end if;
  -- The lock brought the account's tier in step with the profile.
  select * into v_tier from public.ai_tiers where tier = v_account.tier;
  v_choice := nexscout.admit(p, v_account, v_tier, v_now);
  if v_choice.refusal is not null then
    return nexscout.refuse(p, v_tier, v_choice.refusal, v_choice.detail);
  end if;
  -- A statement of its own: a stable function does not see what the statement around it writes.
  v_request := nexscout.hold(p, v_choice, v_now);
  return nexscout.reserved(v_request, v_account);
end
$$;
comment on function public.ai_reserve is
  'Takes a nexscout.reservation as JSON. Admits a call or says why not, in the order idempotency, tier, energy, caps, limits; holds the energy, coins and USD that it can cost and notes attempt 1. A shadow meets the tier and the shadows'' own cap alone, and holds USD alone. For the service key only';
