-- Book-keeping for calls that never came back. Safety does not hang on it: expired holds bind nothing by themselves.

create or replace function nexscout.close_abandoned(p_request_id uuid, p_user_id uuid) returns boolean
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_cost numeric;
begin
  perform nexscout.lock_account(p_user_id);
  perform nexscout.expire_holds(p_user_id, clock_timestamp());
  select * into v_request from public.ai_requests where id = p_request_id for update;
  if v_request.state is distinct from 'expired' or v_request.swept_at is not null then
    return false;
  end if;
  update public.ai_usage_attempts
  set state = 'unknown', cost_usd = cost_bound_usd, cost_estimated = true, cost_method = 'upper_bound',
    error_code = 'abandoned', finished_at = clock_timestamp()
  where request_id = p_request_id and state = 'intended';
  v_cost := nexscout.write_usage(v_request, false, 'abandoned', '{}');
  update public.ai_requests set cost_usd = v_cost, swept_at = clock_timestamp() where id = p_request_id;
  return true;
end
$$;
comment on function nexscout.close_abandoned is
  'Records an expired call: open attempts become unknown at their upper bound, the usage row says abandoned';

create or replace function public.ai_sweep(p_limit integer default 500) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_item record;
  v_expired integer := 0;
  v_refilled integer := 0;
  v_erased integer := 0;
  v_policy public.ai_policy;
begin
  -- One sweep at a time; accounts in one order, so that it cannot lock itself against another.
  if not pg_try_advisory_xact_lock(hashtextextended('nexscout.ai_sweep', 0)) then
    return jsonb_build_object('expired', 0, 'refilled', 0, 'erased', 0, 'running', true);
  end if;
  select * into v_policy from public.ai_policy;
  for v_item in
    select id, user_id from public.ai_requests
    where (state = 'held' and expires_at <= clock_timestamp()) or (state = 'expired' and swept_at is null)
    order by user_id, id limit p_limit
  loop
    v_expired := v_expired + nexscout.close_abandoned(v_item.id, v_item.user_id)::integer;
  end loop;
  for v_item in
    select user_id from public.user_energy
    where last_reset is null or last_reset < nexscout.day_start(clock_timestamp())
    order by user_id limit p_limit
  loop
    perform nexscout.lock_account(v_item.user_id);
    v_refilled := v_refilled + 1;
  end loop;
  update public.ai_requests set reply = null, idempotency_key = null
  where id in (
    select id from public.ai_requests
    where (reply is not null or idempotency_key is not null)
      and resolved_at < clock_timestamp() - make_interval(hours => v_policy.reply_retention_hours)
    limit p_limit);
  get diagnostics v_erased = row_count;
  update public.ai_jobs set body = null, reply = null, idempotency_key = null
  where body is not null
    and finished_at < clock_timestamp() - make_interval(hours => v_policy.reply_retention_hours);
  return jsonb_build_object('expired', v_expired, 'refilled', v_refilled, 'erased', v_erased, 'running', false);
end
$$;
comment on function public.ai_sweep is
  'Closes abandoned calls, refills accounts whose day began and erases stored replies past their time. For the service key only';

revoke all on function nexscout.close_abandoned(uuid, uuid), public.ai_sweep(integer) from public, anon, authenticated;
grant execute on function nexscout.close_abandoned(uuid, uuid), public.ai_sweep(integer) to service_role;
