-- Calls a minute.

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
