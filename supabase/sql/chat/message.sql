-- A visitor's message: it comes in with the reservation of its answer.

create or replace function nexscout.next_chat_instant(p_session_id uuid) returns timestamptz
language sql volatile set search_path = '' as $$
  select greatest(clock_timestamp(), max(created_at) + interval '1 microsecond')
  from public.public_chat_messages where session_id = p_session_id
$$;
comment on function nexscout.next_chat_instant is
  'A time after every message of the session; the owner''s account row must be locked';

create or replace function nexscout.store_visitor_message(p_session_id uuid, p_message text) returns void
language plpgsql set search_path = '' as $$
begin
  -- One caller inserts the row itself first; the same words within a minute are the same message.
  if exists (
    select 1 from (
      select message, created_at from public.public_chat_messages
      where session_id = p_session_id and sender = 'visitor' order by created_at desc limit 1
    ) newest
    where newest.message = p_message and newest.created_at > clock_timestamp() - interval '60 seconds'
  ) then
    return;
  end if;
  insert into public.public_chat_messages (session_id, sender, message, created_at)
  values (p_session_id, 'visitor', p_message, nexscout.next_chat_instant(p_session_id));
end
$$;
comment on function nexscout.store_visitor_message is 'Stores a visitor''s message once';

create or replace function nexscout.chat_flood_wait(p_session_id uuid) returns integer
language sql stable set search_path = '' as $$
  -- Refused calls leave no request, by which calls are counted: here the rows count that they store, two a message.
  select coalesce((
    select nexscout.seconds_until_free(m.created_at, clock_timestamp())
    from public.public_chat_messages m
    where m.session_id = p_session_id and m.created_at > clock_timestamp() - interval '1 minute'
    order by m.created_at desc
    offset (select greatest(2 * y.visitor_session_calls_per_minute, 1) - 1 from public.ai_policy y) limit 1), 0)
$$;
comment on function nexscout.chat_flood_wait is
  'Seconds until a session may store a visitor''s message again that no call is made for; 0 when it may now';

create or replace function public.chat_open(p_session_id uuid, p_owner_id uuid, p_message text, p_request text)
returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_session public.public_chat_sessions;
  v_settings public.chatbot_settings;
  v_answer jsonb;
  v_wait integer;
  v_shadow boolean := coalesce((p_request::jsonb ->> 'shadow')::boolean, false);
begin
  select * into v_session from public.public_chat_sessions where id = p_session_id;
  if not found or v_session.user_id <> p_owner_id or v_session.status not in ('active', 'converted', 'human_takeover') then
    return jsonb_build_object('outcome', 'session_not_found'::nexscout.outcome);
  end if;
  select * into v_settings from public.chatbot_settings where user_id = p_owner_id;
  if not found or not coalesce(v_settings.is_active, false) then
    return jsonb_build_object('outcome', 'chatbot_not_found'::nexscout.outcome);
  end if;
  if (p_request::jsonb ->> 'user_id')::uuid <> p_owner_id
    or (p_request::jsonb ->> 'visitor_session_id')::uuid <> p_session_id then
    raise exception 'chat_open: the reservation is for another session' using errcode = 'invalid_parameter_value';
  end if;
  v_answer := public.ai_reserve(p_request);
  -- A flood leaves no rows; a repeat has left its own.
  if v_answer ->> 'outcome' in ('rate_limited', 'replayed', 'in_progress', 'idempotency_conflict', 'unknown_account') then
    return v_answer;
  end if;
  if v_shadow then
    return v_answer || jsonb_build_object('chat', nexscout.shadow_chat_context(v_session, v_settings, p_message));
  end if;
  if v_answer ->> 'outcome' <> 'reserved' then
    v_wait := nexscout.chat_flood_wait(p_session_id);
    if v_wait > 0 then
      return jsonb_build_object('outcome', 'rate_limited'::nexscout.outcome, 'retry_after_seconds', v_wait);
    end if;
  end if;
  perform nexscout.store_visitor_message(p_session_id, p_message);
  return v_answer || jsonb_build_object('chat', nexscout.chat_context(v_session, v_settings));
end
$$;
comment on function public.chat_open is
  'Checks that the session is the owner''s and his chatbot active, reserves the answer, stores the visitor''s message and gives what the answer is made of. For the service key only';
