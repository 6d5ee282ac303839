-- The ends of a call. A hold resolves once; whoever comes second is told how.

create or replace function nexscout.record_attempts(p_request public.ai_requests, p_attempts jsonb, p_at timestamptz)
returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.ai_usage_attempts as a (
    request_id, ordinal, user_id, provider, model, state, tokens_prompt, tokens_completion, tokens_cached,
    tokens_reasoning, cost_bound_usd, cost_usd, cost_estimated, cost_method, http_status, error_code,
    provider_request_id, latency_ms, created_at, finished_at
  )
  select p_request.id, x.ordinal, p_request.user_id, x.provider, x.model, x.state, coalesce(x.tokens_prompt, 0),
    coalesce(x.tokens_completion, 0), coalesce(x.tokens_cached, 0), coalesce(x.tokens_reasoning, 0), x.cost_bound_usd,
    x.cost_usd, coalesce(x.cost_estimated, false), x.cost_method, x.http_status, x.error_code, x.provider_request_id,
    x.latency_ms, p_at, p_at
  from jsonb_to_recordset(coalesce(p_attempts, '[]')) as x (
    ordinal integer, provider text, model text, state text, tokens_prompt integer, tokens_completion integer,
    tokens_cached integer, tokens_reasoning integer, cost_bound_usd numeric, cost_usd numeric, cost_estimated boolean,
    cost_method text, http_status integer, error_code text, provider_request_id text, latency_ms integer
  )
  on conflict (request_id, ordinal) do update set
    provider = excluded.provider, model = excluded.model, state = excluded.state,
    tokens_prompt = excluded.tokens_prompt, tokens_completion = excluded.tokens_completion,
    tokens_cached = excluded.tokens_cached, tokens_reasoning = excluded.tokens_reasoning,
    cost_usd = excluded.cost_usd, cost_estimated = excluded.cost_estimated, cost_method = excluded.cost_method,
    http_status = excluded.http_status, error_code = excluded.error_code,
    provider_request_id = excluded.provider_request_id, latency_ms = excluded.latency_ms,
    finished_at = excluded.finished_at;
  -- The one who resolves knows what went out: an attempt that is not named was never sent.
  delete from public.ai_usage_attempts
  where request_id = p_request.id and state in ('intended', 'unknown')
    and ordinal not in (select (x ->> 'ordinal')::integer from jsonb_array_elements(coalesce(p_attempts, '[]')) x);
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
    success, error_code, error_message, created_at
  )
  select p_request.id, p_request.user_id, p_request.workspace_id, p_request.prospect_id, p_request.function_name,
    p_request.action, coalesce(p_result ->> 'provider', p_request.provider),
    coalesce(p_result ->> 'model', p_request.model), p_request.requested_model,
    coalesce(sum(a.tokens_prompt), 0), coalesce(sum(a.tokens_completion), 0),
    coalesce(sum(a.tokens_prompt + a.tokens_completion), 0), coalesce(sum(a.tokens_cached), 0),
    coalesce(sum(a.tokens_reasoning), 0), coalesce(sum(a.cost_usd), 0), coalesce(bool_or(a.cost_estimated), false),
    p_request.energy_charged, p_request.coins_charged, (p_result ->> 'latency_ms')::integer,
    greatest(count(a.ordinal) - 1, 0), coalesce((p_result ->> 'fallback_used')::boolean, false),
    coalesce(p_result ->> 'downgrade_reason', p_request.downgrade_reason),
    coalesce(p_result ->> 'prompt_version', p_request.prompt_version),
    p_success, p_error_code, p_result ->> 'error_message', p_request.created_at
  from (select 1) one left join public.ai_usage_attempts a on a.request_id = p_request.id
  on conflict (request_id) do update set
    provider = excluded.provider, model = excluded.model, tokens_prompt = excluded.tokens_prompt,
    tokens_completion = excluded.tokens_completion, tokens_total = excluded.tokens_total,
    tokens_cached = excluded.tokens_cached, tokens_reasoning = excluded.tokens_reasoning, cost_usd = excluded.cost_usd,
    cost_estimated = excluded.cost_estimated, latency_ms = excluded.latency_ms, retry_count = excluded.retry_count,
    fallback_used = excluded.fallback_used
  returning l.cost_usd into v_cost;
  return v_cost;
end
$$;
comment on function nexscout.write_usage is
  'Writes the usage row of a call as the sum of its attempts, or brings it up to date; returns its cost in USD';

create or replace function nexscout.charge(p_request public.ai_requests, p_model_class text, p_account public.user_energy)
returns public.ai_requests
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests := p_request;
  v_group public.ai_charge_groups;
  v_coin_balance integer;
begin
  if p_request.group_id is not null then
    select * into v_group from public.ai_charge_groups where id = p_request.group_id;
    if v_group.charged_at is not null then
      return v_request;
    end if;
  end if;
  -- Never more than the hold; never below zero, should somebody else have taken energy meanwhile.
  v_request.energy_charged := least(
    p_request.energy_held, (p_request.class_energy ->> p_model_class)::integer, greatest(p_account.current_energy, 0));
  if v_request.energy_charged > 0 then
    perform nexscout.change_energy(p_request.user_id, -v_request.energy_charged, p_request.action, p_request.id);
  end if;
  v_request.coins_charged := least(p_request.coins_held, (p_request.class_coins ->> p_model_class)::integer);
  if v_request.coins_charged > 0 then
    update public.profiles set coin_balance = greatest(coin_balance - v_request.coins_charged, 0)
    where id = p_request.user_id returning coin_balance into v_coin_balance;
    insert into public.coin_transactions (user_id, type, trigger, coins, balance_after, metadata)
    values (p_request.user_id, 'spend', p_request.action, -v_request.coins_charged, coalesce(v_coin_balance, 0),
      jsonb_build_object('request_id', p_request.id));
  end if;
  update public.ai_charge_groups
  set charged_at = clock_timestamp(), charged_energy = (p_request.class_energy ->> p_model_class)::integer
  where id = p_request.group_id;
  return v_request;
end
$$;
comment on function nexscout.charge is
  'Takes energy and coins of the class that was served from a locked account, once per group; returns the request with what was charged';

create or replace function nexscout.store_rows(p_request public.ai_requests, p_result jsonb, p_cost_usd numeric) returns text
language plpgsql set search_path = '' as $$
begin
  if p_result -> 'generation' is not null then
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
  return null;
exception when others then
  -- A trigger or constraint of the app refused its row: the money stands, and the refusal is recorded and told.
  return sqlstate;
end
$$;
comment on function nexscout.store_rows is
  'Writes the feature''s own rows in a block of their own; returns null, or the SQLSTATE with which the database refused them';

create or replace function nexscout.resolve(p_request_id uuid, p_result jsonb, p_delivered boolean) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_account public.user_energy;
  v_now timestamptz;
  v_cost numeric;
  v_available integer;
begin
  select * into v_request from public.ai_requests where id = p_request_id;
  if not found then
    return jsonb_build_object('outcome', 'unknown_request'::nexscout.outcome);
  end if;
  -- Always the account first, then the request: one order of locks, no deadlock.
  v_account := nexscout.lock_account(v_request.user_id);
  v_now := clock_timestamp();
  perform nexscout.expire_holds(v_request.user_id, v_now);
  select * into v_request from public.ai_requests where id = p_request_id for update;

  if v_request.state in ('settled', 'released') then
    return jsonb_build_object(
      'outcome', ('already_' || v_request.state)::nexscout.outcome,
      'energy_charged', v_request.energy_charged, 'coins_charged', v_request.coins_charged,
      'energy_available', v_account.current_energy - nexscout.energy_held(v_request.user_id),
      'reply', v_request.reply, 'cost_usd', v_request.cost_usd::text);
  end if;

  perform nexscout.record_attempts(v_request, p_result -> 'attempts', v_now);

  if v_request.state = 'expired' then
    v_cost := nexscout.write_usage(v_request, false, 'abandoned', p_result);
    update public.ai_requests set cost_usd = v_cost, swept_at = coalesce(swept_at, v_now) where id = p_request_id;
    return jsonb_build_object('outcome', 'expired'::nexscout.outcome, 'energy_charged', 0, 'coins_charged', 0,
      'energy_available', v_account.current_energy - nexscout.energy_held(v_request.user_id),
      'cost_usd', v_cost::text);
  end if;

  if p_delivered then
    v_request := nexscout.charge(v_request, coalesce(p_result ->> 'model_class', v_request.model_class), v_account);
  end if;
  v_cost := nexscout.write_usage(v_request, p_delivered, p_result ->> 'error_code', p_result);
  if p_delivered then
    v_request.storage_error := nexscout.store_rows(v_request, p_result, v_cost);
  end if;

  update public.ai_requests set
    state = case when p_delivered then 'settled' else 'released' end,
    provider = coalesce(p_result ->> 'provider', provider),
    model = coalesce(p_result ->> 'model', model),
    model_class = coalesce(p_result ->> 'model_class', model_class),
    energy_charged = v_request.energy_charged,
    coins_charged = v_request.coins_charged,
    cost_usd = v_cost,
    storage_error = v_request.storage_error,
    -- A stream that the client left is delivered but must never be replayed as a whole reply: its key is given up.
    idempotency_key = case when coalesce((p_result ->> 'replayable')::boolean, true) then idempotency_key end,
    resolved_at = v_now
  where id = p_request_id;
  v_available := (select current_energy from public.user_energy where user_id = v_request.user_id)
    - nexscout.energy_held(v_request.user_id);
  if p_delivered and v_request.idempotency_key is not null and coalesce((p_result ->> 'replayable')::boolean, true) then
    update public.ai_requests
    set reply = nexscout.with_energy(p_result -> 'reply', v_request.energy_charged, v_available),
      reply_status = coalesce((p_result ->> 'reply_status')::integer, 200)
    where id = p_request_id;
  end if;
  return jsonb_build_object(
    'outcome', (case when p_delivered then 'settled' else 'released' end)::nexscout.outcome,
    'energy_charged', v_request.energy_charged, 'coins_charged', v_request.coins_charged,
    'energy_available', v_available, 'cost_usd', v_cost::text, 'storage_error', v_request.storage_error);
end
$$;
comment on function nexscout.resolve is 'Ends a hold once: delivered calls are charged, the others give all back; what was sent is recorded either way';

create or replace function nexscout.with_energy(p_reply jsonb, p_consumed integer, p_remaining integer) returns jsonb
language sql immutable set search_path = '' as $$
  select case when p_reply ? 'meta' then
    jsonb_set(jsonb_set(p_reply, '{meta,energyConsumed}', to_jsonb(p_consumed)),
      '{meta,energyRemaining}', to_jsonb(p_remaining))
  else p_reply end
$$;
comment on function nexscout.with_energy is 'The reply with the energy figures that only the settlement knows';

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
  nexscout.write_usage(public.ai_requests, boolean, text, jsonb),
  nexscout.charge(public.ai_requests, text, public.user_energy),
  nexscout.store_rows(public.ai_requests, jsonb, numeric),
  nexscout.resolve(uuid, jsonb, boolean), nexscout.with_energy(jsonb, integer, integer),
  public.ai_settle(uuid, text), public.ai_release(uuid, text)
  from public, anon, authenticated;
grant execute on function
  nexscout.record_attempts(public.ai_requests, jsonb, timestamptz),
  nexscout.write_usage(public.ai_requests, boolean, text, jsonb),
  nexscout.charge(public.ai_requests, text, public.user_energy),
  nexscout.store_rows(public.ai_requests, jsonb, numeric),
  nexscout.resolve(uuid, jsonb, boolean), nexscout.with_energy(jsonb, integer, integer),
  public.ai_settle(uuid, text), public.ai_release(uuid, text)
  to service_role;
