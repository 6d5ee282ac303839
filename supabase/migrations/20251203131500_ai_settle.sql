-- The ends of a call. A hold resolves once; whoever comes second is told how.

create or replace function nexscout.record_attempts(p_request public.ai_requests, p_attempts jsonb, p_at timestamptz)
returns void
language plpgsql set search_path = '' as $$
begin
  with named as (
    -- What was left open by whoever ends the call may be billed: the upper bound, as for a process that died.
    select x.*, x.state = 'intended' or x.cost_usd is null as open
    from jsonb_to_recordset(coalesce(p_attempts, '[]')) as x (
      ordinal integer, provider text, model text, state text, tokens_prompt integer, tokens_completion integer,
      tokens_cached integer, tokens_reasoning integer, cost_bound_usd numeric, cost_usd numeric, cost_estimated boolean,
      cost_method text, http_status integer, error_code text, provider_request_id text, latency_ms integer
    )
  ), never_sent as (
    -- The one who resolves knows what went out: an attempt that is not named was never sent.
    delete from public.ai_usage_attempts
    where request_id = p_request.id and state in ('intended', 'unknown')
      and ordinal not in (select ordinal from named)
  )
  insert into public.ai_usage_attempts (
    request_id, ordinal, user_id, provider, model, state, tokens_prompt, tokens_completion, tokens_cached,
    tokens_reasoning, cost_bound_usd, cost_usd, cost_estimated, cost_method, http_status, error_code,
    provider_request_id, latency_ms, created_at, finished_at
  )
  select p_request.id, ordinal, p_request.user_id, provider, model,
    case when state = 'intended' then 'unknown' else state end,
    coalesce(tokens_prompt, 0), coalesce(tokens_completion, 0), coalesce(tokens_cached, 0), coalesce(tokens_reasoning, 0),
    cost_bound_usd, case when open then cost_bound_usd else cost_usd end, open or coalesce(cost_estimated, false),
    case when open then 'upper_bound' else cost_method end, http_status, error_code, provider_request_id, latency_ms,
    p_at, p_at
  from named
  on conflict (request_id, ordinal) do update set
    provider = excluded.provider, model = excluded.model, state = excluded.state,
    tokens_prompt = excluded.tokens_prompt, tokens_completion = excluded.tokens_completion,
    tokens_cached = excluded.tokens_cached, tokens_reasoning = excluded.tokens_reasoning,
    cost_usd = excluded.cost_usd, cost_estimated = excluded.cost_estimated, cost_method = excluded.cost_method,
    http_status = excluded.http_status, error_code = excluded.error_code,
    provider_request_id = excluded.provider_request_id, latency_ms = excluded.latency_ms,
    finished_at = excluded.finished_at;
end
$$;
comment on function nexscout.record_attempts is
  'Fills in what happened to the attempts of a call; those noted but not named were never sent and go';

create or replace function nexscout.write_usage(
  p_request public.ai_requests, p_success boolean, p_error_code text, p_result jsonb
) returns numeric
language plpgsql set search_path = '' as $$
declare
  v_cost numeric;
begin
  insert into public.ai_usage_logs as l (
    request_id, user_id, workspace_id, prospect_id, function_name, action, provider, model, requested_model,
    tokens_prompt, tokens_completion, tokens_total, tokens_cached, tokens_reasoning, cost_usd, cost_estimated,
    energy_consumed, coins_consumed, latency_ms, retry_count, fallback_used, downgrade_reason, prompt_version,
    success, error_code, error_message, shadow, created_at
  )
  select p_request.id, p_request.user_id, p_request.workspace_id, p_request.prospect_id, p_request.function_name,
    p_request.action, coalesce(p_result ->> 'provider', p_request.provider),
    coalesce(p_result ->> 'model', p_request.model), p_request.requested_model,
    coalesce(sum(a.tokens_prompt), 0), coalesce(sum(a.tokens_completion), 0),
    coalesce(sum(a.tokens_prompt + a.tokens_completion), 0), coalesce(sum(a.tokens_cached), 0),
    coalesce(sum(a.tokens_reasoning), 0), coalesce(sum(a.cost_usd), 0), coalesce(bool_or(a.cost_estimated), false),
    p_request.energy_charged, p_request.coins_charged, (p_result ->> 'latency_ms')::integer,
    greatest(count(a.ordinal) - coalesce((p_result ->> 'parts')::integer, 1), 0), coalesce((p_result ->> 'fallback_used')::boolean, false),
    coalesce(p_result ->> 'downgrade_reason', p_request.downgrade_reason),
    coalesce(p_result ->> 'prompt_version', p_request.prompt_version),
    p_success, p_error_code, p_result ->> 'error_message', p_request.shadow, p_request.created_at
  from (select 1) one left join public.ai_usage_attempts a on a.request_id = p_request.id
  on conflict (request_id) do update set
    provider = excluded.provider, model = excluded.model, tokens_prompt = excluded.tokens_prompt,
    tokens_completion = excluded.tokens_completion, tokens_total = excluded.tokens_total,
    tokens_cached = excluded.tokens_cached, tokens_reasoning = excluded.tokens_reasoning, cost_usd = excluded.cost_usd,
    cost_estimated = excluded.cost_estimated, energy_consumed = excluded.energy_consumed,
    coins_consumed = excluded.coins_consumed, latency_ms = excluded.latency_ms, retry_count = excluded.retry_count,
    fallback_used = excluded.fallback_used, downgrade_reason = excluded.downgrade_reason,
    prompt_version = excluded.prompt_version, success = excluded.success, error_code = excluded.error_code,
    error_message = excluded.error_message
  returning l.cost_usd into v_cost;
  return v_cost;
end
$$;
comment on function nexscout.write_usage is
  'Writes the usage row of a call as the sum of its attempts, or brings it up to date; returns its cost in USD';

create or replace function nexscout.take_coins(p_request public.ai_requests, p_coins integer) returns integer
language plpgsql set search_path = '' as $$
declare
  v_balance integer := coalesce(
    (select coin_balance from public.profiles where id = p_request.user_id for update), 0);
  v_taken integer := least(p_coins, greatest(v_balance, 0));
begin
  if v_taken > 0 then
    update public.profiles set coin_balance = v_balance - v_taken where id = p_request.user_id;
    insert into public.coin_transactions (user_id, type, trigger, coins, balance_after, metadata)
    values (p_request.user_id, 'spend', p_request.action, -v_taken, v_balance - v_taken,
      jsonb_build_object('request_id', p_request.id));
  end if;
  return v_taken;
end
$$;
comment on function nexscout.take_coins is 'Takes coins from a profile, no more than there are, and writes the transaction; returns what was taken';

create or replace function nexscout.charge(p_request public.ai_requests, p_model_class text, p_account public.user_energy)
returns public.ai_requests
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests := p_request;
  v_group public.ai_charge_groups;
  -- Never more than the hold. The least of a null and the hold is the hold: a class without a price is not free.
  v_energy integer := least(p_request.energy_held, (p_request.class_energy ->> p_model_class)::integer);
  v_coins integer := least(p_request.coins_held, (p_request.class_coins ->> p_model_class)::integer);
begin
  if p_request.group_id is not null then
    select * into v_group from public.ai_charge_groups where id = p_request.group_id for update;
  end if;
  -- Never below zero, should somebody else have taken energy meanwhile.
  v_request.energy_charged := least(
    greatest(v_energy - coalesce(v_group.charged_energy, 0), 0), greatest(p_account.current_energy, 0));
  if v_request.energy_charged > 0 then
    perform nexscout.change_energy(p_request.user_id, -v_request.energy_charged, p_request.action, p_request.id);
  end if;
  v_coins := greatest(v_coins - coalesce(v_group.charged_coins, 0), 0);
  if v_coins > 0 then
    v_request.coins_charged := nexscout.take_coins(p_request, v_coins);
  end if;
  update public.ai_charge_groups g
  set charged_at = coalesce(g.charged_at, clock_timestamp()),
    charged_energy = greatest(g.charged_energy, v_energy),
    charged_coins = coalesce(g.charged_coins, 0) + v_coins
  where g.id = v_group.id;
  return v_request;
end
$$;
comment on function nexscout.charge is
  'Takes energy and coins of the class that was served from a locked account, in a group only what it has not paid yet; returns the request with what was charged';

create or replace function nexscout.store_rows(p_request public.ai_requests, p_result jsonb, p_cost_usd numeric) returns text
language plpgsql set search_path = '' as $$
begin
  if jsonb_typeof(p_result -> 'generation') = 'object' then
    insert into public.ai_generations (
      id, user_id, prospect_id, generation_type, input_data, prompt_hash, output_text, output_data, model_used,
      tokens_used, cost_usd
    ) select g.id, p_request.user_id,
      (select pr.id from public.prospects pr where pr.id = p_request.prospect_id and pr.user_id = p_request.user_id),
      g.generation_type, coalesce(g.input_data, '{}'), p_request.prompt_version, g.output_text,
      coalesce(g.output_data, '{}'), g.model_used, g.tokens_used, p_cost_usd
    from jsonb_to_record(p_result -> 'generation') as g (
      id uuid, generation_type text, input_data jsonb, output_text text, output_data jsonb, model_used text,
      tokens_used integer
    );
  end if;
  if jsonb_typeof(p_result -> 'chat') = 'object' then
    perform nexscout.store_chat_answer(p_request.user_id, p_result -> 'chat', p_result ->> 'model');
  end if;
  if jsonb_typeof(p_result -> 'assistant') = 'object' then
    perform nexscout.store_assistant_turn(p_request.user_id, p_result -> 'assistant');
  end if;
  if jsonb_typeof(p_result -> 'scan') = 'object' then
    perform nexscout.store_scan_block(p_request.user_id,
      (p_result -> 'scan') || jsonb_build_object('energy', p_request.energy_charged, 'cost_usd', p_cost_usd),
      p_result ->> 'model');
  end if;
  return null;
exception when others then
  -- A trigger or constraint of the app refused its row: the money stands, and the refusal is recorded and told.
  return sqlstate;
end
$$;
comment on function nexscout.store_rows is
  'Writes the feature''s own rows in a block of their own; returns null, or the SQLSTATE with which the database refused them';

create or replace function nexscout.told_reply(p_reply jsonb, p_consumed integer, p_remaining integer, p_stored boolean)
returns jsonb
language sql immutable set search_path = '' as $$
  select p_reply
    || case when p_reply ? 'meta' then jsonb_build_object('meta',
         (p_reply -> 'meta') || jsonb_build_object('energyConsumed', p_consumed, 'energyRemaining', p_remaining))
       else '{}' end
    || case when p_reply ? 'generationId' and not p_stored then '{"generationId": null}'::jsonb else '{}' end
    || case when p_reply ? 'conversationId' and not p_stored then '{"conversationId": null}'::jsonb else '{}' end
$$;
comment on function nexscout.told_reply is
  'The reply as the caller gets it: with the energy figures that only the settlement knows, and naming no row that was refused';

create or replace function nexscout.resolved_before(p_request public.ai_requests, p_account public.user_energy) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'outcome', ('already_' || p_request.state)::nexscout.outcome,
    'energy_charged', p_request.energy_charged, 'coins_charged', p_request.coins_charged,
    'energy_available', greatest(p_account.current_energy - nexscout.energy_held(p_request.user_id), 0),
    'reply', p_request.reply, 'cost_usd', p_request.cost_usd::text, 'storage_error', p_request.storage_error)
$$;
comment on function nexscout.resolved_before is 'How a hold was resolved, for whoever comes second';

create or replace function nexscout.record_late(p_request public.ai_requests, p_account public.user_energy, p_result jsonb,
  p_at timestamptz) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_cost numeric := nexscout.write_usage(p_request, false, 'abandoned', p_result);
begin
  update public.ai_requests set cost_usd = v_cost, swept_at = coalesce(swept_at, p_at) where id = p_request.id;
  return jsonb_build_object('outcome', 'expired'::nexscout.outcome, 'energy_charged', 0, 'coins_charged', 0,
    'energy_available', greatest(p_account.current_energy - nexscout.energy_held(p_request.user_id), 0),
    'cost_usd', v_cost::text);
end
$$;
comment on function nexscout.record_late is 'Writes tokens and USD of a call that came back after its hold had ended; no energy is charged';

create or replace function nexscout.resolve(p_request_id uuid, p_result jsonb, p_delivered boolean) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_account public.user_energy;
  v_now timestamptz;
  v_cost numeric;
  v_available integer;
  v_replayable boolean := coalesce((p_result ->> 'replayable')::boolean, true);
begin
  select user_id, shadow into v_request.user_id, v_request.shadow from public.ai_requests where id = p_request_id;
  -- Always the user, the account, then the request: one order of locks, no deadlock.
  if found then
    v_account := case when v_request.shadow then nexscout.account_as_it_stands(v_request.user_id)
      else nexscout.lock_account(v_request.user_id) end;
  end if;
  if v_account.user_id is null then
    return jsonb_build_object('outcome', 'unknown_request'::nexscout.outcome);
  end if;
  v_now := clock_timestamp();
  if not v_request.shadow then
    perform nexscout.expire_holds(v_account.user_id, v_now);
  end if;
  select * into v_request from public.ai_requests where id = p_request_id for update;
  if v_request.state in ('settled', 'released') then
    return nexscout.resolved_before(v_request, v_account);
  end if;

  perform nexscout.record_attempts(v_request, p_result -> 'attempts', v_now);
  if v_request.state = 'expired' then
    return nexscout.record_late(v_request, v_account, p_result, v_now);
  end if;

  if p_delivered then
    v_request := nexscout.charge(v_request, coalesce(p_result ->> 'model_class', v_request.model_class), v_account);
  end if;
  v_cost := nexscout.write_usage(v_request, p_delivered, p_result ->> 'error_code', p_result);
  if not v_request.shadow then
    v_request.storage_error := nexscout.store_rows(v_request, p_result, v_cost);
  end if;
  v_available := greatest(v_account.current_energy - v_request.energy_charged
    - nexscout.energy_held(v_request.user_id, null, p_request_id), 0);

  update public.ai_requests r set
    state = case when p_delivered then 'settled' else 'released' end,
    provider = coalesce(p_result ->> 'provider', r.provider),
    model = coalesce(p_result ->> 'model', r.model),
    model_class = coalesce(p_result ->> 'model_class', r.model_class),
    energy_charged = v_request.energy_charged,
    coins_charged = v_request.coins_charged,
    cost_usd = v_cost,
    storage_error = v_request.storage_error,
    -- A stream that the client left is delivered but must never be replayed as a whole reply: its key is given up.
    idempotency_key = case when v_replayable then r.idempotency_key end,
    reply = case when p_delivered and v_replayable and r.idempotency_key is not null then
      nexscout.told_reply(p_result -> 'reply', v_request.energy_charged, v_available, v_request.storage_error is null) end,
    reply_status = case when p_delivered and v_replayable and r.idempotency_key is not null then
      coalesce((p_result ->> 'reply_status')::integer, 200) end,
    resolved_at = v_now
  where r.id = p_request_id;
  return jsonb_build_object(
    'outcome', (case when p_delivered then 'settled' else 'released' end)::nexscout.outcome,
    'energy_charged', v_request.energy_charged, 'coins_charged', v_request.coins_charged,
    'energy_available', v_available, 'cost_usd', v_cost::text, 'storage_error', v_request.storage_error);
end
$$;
comment on function nexscout.resolve is 'Ends a hold once: delivered calls are charged, the others give all back; what was sent is recorded either way';

create or replace function public.ai_settle(p_request_id uuid, p_result text) returns jsonb
language sql set search_path = '' as $$
  select nexscout.resolve(p_request_id, p_result::jsonb, true)
$$;
comment on function public.ai_settle is
  'Charges a delivered call what it cost, never more than its hold, and records attempts, usage, reply and feature rows. For the service key only';

create or replace function public.ai_release(p_request_id uuid, p_result text) returns jsonb
language sql set search_path = '' as $$
  select nexscout.resolve(p_request_id, p_result::jsonb, false)
$$;
comment on function public.ai_release is
  'Gives back all that a call held; its attempts and its failure are recorded all the same. For the service key only';

revoke all on function
  nexscout.record_attempts(public.ai_requests, jsonb, timestamptz),
  nexscout.write_usage(public.ai_requests, boolean, text, jsonb), nexscout.take_coins(public.ai_requests, integer),
  nexscout.charge(public.ai_requests, text, public.user_energy),
  nexscout.store_rows(public.ai_requests, jsonb, numeric),
  nexscout.told_reply(jsonb, integer, integer, boolean),
  nexscout.resolved_before(public.ai_requests, public.user_energy),
  nexscout.record_late(public.ai_requests, public.user_energy, jsonb, timestamptz),
  nexscout.resolve(uuid, jsonb, boolean), public.ai_settle(uuid, text), public.ai_release(uuid, text)
  from public, anon, authenticated;
grant execute on function
  nexscout.record_attempts(public.ai_requests, jsonb, timestamptz),
  nexscout.write_usage(public.ai_requests, boolean, text, jsonb), nexscout.take_coins(public.ai_requests, integer),
  nexscout.charge(public.ai_requests, text, public.user_energy),
  nexscout.store_rows(public.ai_requests, jsonb, numeric),
  nexscout.told_reply(jsonb, integer, integer, boolean),
  nexscout.resolved_before(public.ai_requests, public.user_energy),
  nexscout.record_late(public.ai_requests, public.user_energy, jsonb, timestamptz),
  nexscout.resolve(uuid, jsonb, boolean), public.ai_settle(uuid, text), public.ai_release(uuid, text)
  to service_role;
