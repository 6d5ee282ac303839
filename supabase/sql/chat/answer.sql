-- The answer to a visitor: it goes out with the settlement.

create or replace function nexscout.store_chat_answer(p_owner_id uuid, p jsonb, p_model text) returns void
language plpgsql set search_path = '' as $$
declare
  v_session public.public_chat_sessions;
begin
  select * into v_session from public.public_chat_sessions
  where id = (p ->> 'session_id')::uuid and user_id = p_owner_id for update;
  if not found then
    return;
  end if;
  if nullif(p ->> 'answer', '') is not null then
    insert into public.public_chat_messages (session_id, sender, message, token_usage, model_used, metadata, created_at)
    values (v_session.id, 'ai', p ->> 'answer', coalesce((p ->> 'tokens')::integer, 0), p_model,
      jsonb_build_object('fallback', coalesce((p ->> 'fallback')::boolean, false)),
      nexscout.next_chat_instant(v_session.id));
  end if;
  update public.public_chat_sessions set
    message_count = (select count(*) from public.public_chat_messages where session_id = v_session.id),
    qualification_score = coalesce((p ->> 'qualification_score')::numeric, qualification_score),
    buying_intent_score = coalesce((p ->> 'buying_intent')::numeric, buying_intent_score),
    emotional_state = coalesce(lower(p ->> 'emotional_state'), emotional_state),
    last_message_at = clock_timestamp(), updated_at = clock_timestamp()
  where id = v_session.id;
  perform nexscout.store_chat_lead(v_session, p);
end
$$;
comment on function nexscout.store_chat_answer is
  'The answer''s row, the session''s figures and the lead, for a session of this owner; his account row must be locked';

create or replace function public.chat_answer(p_owner_id uuid, p_chat text) returns boolean
language plpgsql set search_path = '' as $$
begin
  perform nexscout.lock_account(p_owner_id);
  perform nexscout.store_chat_answer(p_owner_id, p_chat::jsonb, null);
  return true;
end
$$;
comment on function public.chat_answer is
  'Stores an answer that no call stands behind: the honest fallback when nothing could be reserved. For the service key only';
