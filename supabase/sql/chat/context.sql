-- What an answer to a visitor is made of.

create or replace function nexscout.chat_context(p_session public.public_chat_sessions, p_settings public.chatbot_settings)
returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'session', jsonb_build_object(
      'id', p_session.id, 'status', p_session.status, 'channel', p_session.channel, 'prospect_id', p_session.prospect_id),
    'settings', to_jsonb(p_settings),
    'history', (
      select coalesce(jsonb_agg(jsonb_build_object('sender', t.sender, 'message', left(t.message, 4000))
        order by t.created_at), '[]')
      from (
        select sender, message, created_at from public.public_chat_messages
        where session_id = p_session.id order by created_at desc limit 11
      ) t),
    'visitor_messages', (
      select coalesce(jsonb_agg(left(t.message, 4000) order by t.created_at), '[]')
      from (
        select message, created_at from public.public_chat_messages
        where session_id = p_session.id and sender = 'visitor' order by created_at desc limit 50
      ) t),
    'message_count', (select count(*) from public.public_chat_messages where session_id = p_session.id),
    'lead', (
      select jsonb_build_object('full_name', l.full_name, 'email', l.email, 'phone', l.phone, 'company', l.company)
      from public.chat_leads l where l.session_id = p_session.id)
  ) || nexscout.chat_knowledge(p_session.user_id, (
    -- What he has just said, and what it may refer to.
    select coalesce(string_agg(left(t.message, 4000), ' ' order by t.created_at desc), '')
    from (
      select message, created_at from public.public_chat_messages
      where session_id = p_session.id and sender = 'visitor' order by created_at desc limit 3
    ) t
  ))
$$;
comment on function nexscout.chat_context is
  'What an answer is made of: settings, the newest turns in order, the visitor''s words, what the owner has told. The owner''s data only';

create or replace function nexscout.shadow_chat_context(
  p_session public.public_chat_sessions, p_settings public.chatbot_settings, p_message text
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_context jsonb;
begin
  perform nexscout.store_visitor_message(p_session.id, p_message);
  v_context := nexscout.chat_context(p_session, p_settings);
  -- What was stored goes again, with all that it set off: the function that is shadowed stores it.
  raise exception using errcode = 'NX001';
exception when sqlstate 'NX001' then
  return v_context;
end
$$;
comment on function nexscout.shadow_chat_context is
  'What an answer to this message would be made of if the message were stored; nothing is';
