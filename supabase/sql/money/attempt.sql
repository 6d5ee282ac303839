-- The requests that a call sends to providers, each noted before it is sent.

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
