-- The ends of a call. A hold resolves once; whoever comes second is told how.

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

create or replace function nexscout.reply_with_figures(p_reply jsonb, p_consumed integer, p_remaining integer, p_stored boolean)
returns jsonb
language sql immutable set search_path = '' as $$
  select p_reply
    || case when p_reply ? 'meta' then jsonb_build_object('meta',
         (p_reply -> 'meta') || jsonb_build_object('energyConsumed', p_consumed, 'energyRemaining', p_remaining))
       else '{}' end
    || case when p_reply ? 'generationId' and not p_stored then '{"generationId": null}'::jsonb else '{}' end
    || case when p_reply ? 'conversationId' and not p_stored then '{"conversationId": null}'::jsonb else '{}' end
$$;
comment on function nexscout.reply_with_figures is
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

create or replace function nexscout.write_resolution(
  p_request public.ai_requests, p_result jsonb, p_delivered boolean, p_available integer, p_at timestamptz
) returns void
language plpgsql set search_path = '' as $$
declare
  -- A stream that the client left is delivered but must never be replayed as a whole reply: its key is given up.
  v_replayable boolean := coalesce((p_result ->> 'replayable')::boolean, true);
  v_keeps_reply boolean := p_delivered and v_replayable and p_request.idempotency_key is not null;
begin
  update public.ai_requests r set
    state = case when p_delivered then 'settled' else 'released' end,
    provider = coalesce(p_result ->> 'provider', r.provider),
    model = coalesce(p_result ->> 'model', r.model),
    model_class = coalesce(p_result ->> 'model_class', r.model_class),
    energy_charged = p_request.energy_charged,
    coins_charged = p_request.coins_charged,
    cost_usd = p_request.cost_usd,
    storage_error = p_request.storage_error,
    idempotency_key = case when v_replayable then r.idempotency_key end,
    reply = case when v_keeps_reply then
      nexscout.reply_with_figures(p_result -> 'reply', p_request.energy_charged, p_available, p_request.storage_error is null) end,
    reply_status = case when v_keeps_reply then coalesce((p_result ->> 'reply_status')::integer, 200) end,
    resolved_at = p_at
  where r.id = p_request.id;
end
$$;
comment on function nexscout.write_resolution is 'Writes how a hold ended into its request, with the reply where that may be replayed';

create or replace function nexscout.end_hold(
  p_request public.ai_requests, p_account public.user_energy, p_result jsonb, p_delivered boolean, p_at timestamptz
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests := p_request;
  v_available integer;
begin
  if p_delivered then
    v_request := nexscout.charge(v_request, coalesce(p_result ->> 'model_class', v_request.model_class), p_account);
  end if;
  v_request.cost_usd := nexscout.write_usage(v_request, p_delivered, p_result ->> 'error_code', p_result);
  if not v_request.shadow then
    v_request.storage_error := nexscout.store_rows(v_request, p_result, v_request.cost_usd);
  end if;
  v_available := greatest(p_account.current_energy - v_request.energy_charged
    - nexscout.energy_held(v_request.user_id, null, v_request.id), 0);
  perform nexscout.write_resolution(v_request, p_result, p_delivered, v_available, p_at);
  return jsonb_build_object(
    'outcome', (case when p_delivered then 'settled' else 'released' end)::nexscout.outcome,
    'energy_charged', v_request.energy_charged, 'coins_charged', v_request.coins_charged,
    'energy_available', v_available, 'cost_usd', v_request.cost_usd::text, 'storage_error', v_request.storage_error);
end
$$;
comment on function nexscout.end_hold is
  'Charges a delivered call, or gives all back; writes its usage, its feature''s rows and its end. Account and request must be locked';

create or replace function nexscout.resolve(p_request_id uuid, p_result jsonb, p_delivered boolean) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_account public.user_energy;
  v_now timestamptz;
begin
  select user_id, shadow into v_request.user_id, v_request.shadow from public.ai_requests where id = p_request_id;
  -- Always the user, the account, then the request: one order of locks, no deadlock.
  if found then
    v_account := nexscout.account_for_call(v_request.user_id, v_request.shadow);
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
  return nexscout.end_hold(v_request, v_account, p_result, p_delivered, v_now);
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
