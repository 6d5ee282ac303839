-- The usage row of a call.

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
