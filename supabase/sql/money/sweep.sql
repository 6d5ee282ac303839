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

create or replace function nexscout.refill_due(p_user_id uuid) returns boolean
language sql set search_path = '' as $$
  select (nexscout.lock_account(p_user_id)).user_id is not null
$$;
comment on function nexscout.refill_due is 'Refills an account whose day began; locking it is all that it takes';

create or replace function nexscout.take_if_free(p_user_id uuid) returns boolean
language plpgsql set search_path = '' as $$
begin
  if not nexscout.pin_user(p_user_id, false) then
    return false;
  end if;
  perform from public.user_energy where user_id = p_user_id for update skip locked;
  return found or not exists (select from public.user_energy where user_id = p_user_id);
end
$$;
comment on function nexscout.take_if_free is
  'Locks an account that no call has locked. A busy one ends its holds by itself, and its rows are written by the next sweep';

create or replace function nexscout.sweep_requests(p_limit integer, out done integer, out failed integer)
language plpgsql set search_path = '' as $$
declare
  v_item record;
begin
  done := 0;
  failed := 0;
  -- Accounts in one order, so that a sweep cannot lock itself against another transaction.
  for v_item in
    select id, user_id from public.ai_requests
    where (state = 'held' and expires_at <= clock_timestamp()) or (state = 'expired' and swept_at is null)
    order by user_id, id limit p_limit
  loop
    begin
      continue when not nexscout.take_if_free(v_item.user_id);
      done := done + nexscout.close_abandoned(v_item.id, v_item.user_id)::integer;
    exception when others then
      -- One account whose rows are refused must not keep all the others from being closed.
      failed := failed + 1;
      raise warning 'ai_sweep: request % is not closed: %', v_item.id, sqlstate;
    end;
  end loop;
end
$$;
comment on function nexscout.sweep_requests is 'Closes abandoned calls, each for itself; tells how many were closed and how many could not be';

create or replace function nexscout.sweep_accounts(p_limit integer, out done integer, out failed integer)
language plpgsql set search_path = '' as $$
declare
  v_item record;
begin
  done := 0;
  failed := 0;
  for v_item in
    select user_id from public.user_energy
    where last_reset is null or last_reset < nexscout.day_start(clock_timestamp())
    order by user_id limit p_limit
  loop
    begin
      continue when not nexscout.take_if_free(v_item.user_id);
      done := done + nexscout.refill_due(v_item.user_id)::integer;
    exception when others then
      failed := failed + 1;
      raise warning 'ai_sweep: account % is not refilled: %', v_item.user_id, sqlstate;
    end;
  end loop;
end
$$;
comment on function nexscout.sweep_accounts is 'Refills accounts whose day began, each for itself; a client that sees 0 may never call';

create or replace function nexscout.erase_replies(p_limit integer) returns integer
language plpgsql set search_path = '' as $$
declare
  v_erased integer;
begin
  update public.ai_requests set reply = null, idempotency_key = null
  where id in (
    select id from public.ai_requests
    where (reply is not null or idempotency_key is not null)
      and resolved_at < clock_timestamp()
        - make_interval(hours => (select reply_retention_hours from public.ai_policy))
    limit p_limit for update skip locked);
  get diagnostics v_erased = row_count;
  return v_erased;
end
$$;
comment on function nexscout.erase_replies is 'Erases stored replies and keys past their time; returns how many';

create or replace function nexscout.erase_jobs(p_limit integer) returns integer
language plpgsql set search_path = '' as $$
declare
  v_erased integer;
begin
  update public.ai_jobs set body = null, reply = null, idempotency_key = null
  where id in (
    select id from public.ai_jobs
    where body is not null and finished_at < clock_timestamp()
        - make_interval(hours => (select reply_retention_hours from public.ai_policy))
    limit p_limit for update skip locked);
  get diagnostics v_erased = row_count;
  return v_erased;
end
$$;
comment on function nexscout.erase_jobs is 'Erases what was asked and answered by jobs past their time; returns how many';

create or replace function nexscout.watched_figures() returns jsonb
language sql set search_path = '' as $$
  select jsonb_build_object(
    'overdue', (
      select count(*) from public.ai_requests
      where state = 'held' and expires_at <= clock_timestamp() - interval '5 minutes'),
    -- As text: a JSON number is a float to most who read it.
    'spent_usd', (
      select coalesce(sum(cost_usd), 0)::text from public.ai_usage_attempts
      where created_at > clock_timestamp() - interval '1 hour'))
$$;
comment on function nexscout.watched_figures is
  'What alarms are set on: holds that sweeps have left open five minutes past their life, and the USD of the last hour''s attempts';

create or replace function public.ai_sweep(p_limit integer default 500) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_requests record;
  v_accounts record;
  v_scans record;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('nexscout.ai_sweep', 0)) then
    return jsonb_build_object('expired', 0, 'refilled', 0, 'scans', 0, 'erased', 0, 'failed', 0, 'running', true)
      || nexscout.watched_figures();
  end if;
  v_requests := nexscout.sweep_requests(p_limit);
  v_accounts := nexscout.sweep_accounts(p_limit);
  v_scans := nexscout.sweep_scans(p_limit);
  return jsonb_build_object(
    'expired', v_requests.done,
    'refilled', v_accounts.done,
    'scans', v_scans.done,
    'erased', nexscout.erase_replies(p_limit) + nexscout.erase_jobs(p_limit),
    'failed', v_requests.failed + v_accounts.failed + v_scans.failed,
    'running', false) || nexscout.watched_figures();
end
$$;
comment on function public.ai_sweep is
  'Closes abandoned calls, refills accounts whose day began, fails scans whose input never came to its end and erases stored replies past their time, at most p_limit of each; tells what alarms are set on. For the service key only';
