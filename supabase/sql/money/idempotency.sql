-- A call that came before: the same request again, or another one under its key.

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

create or replace function nexscout.earlier_answer(
  p nexscout.reservation, p_account public.user_energy, p_at timestamptz
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
begin
  select * into v_request from public.ai_requests where id = p.request_id;
  if found then
    return nexscout.repeated(v_request, p_account);
  end if;
  return nexscout.find_earlier_call(p, p_at);
end
$$;
comment on function nexscout.earlier_answer is
  'What the first arrival of this request, or an earlier call under its key, answers; null for a call that is new';
