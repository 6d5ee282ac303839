-- What a visitor may write into a chat. See chat_session.sql for why there are guards.

create or replace function nexscout.guard_chat_message () returns trigger
language plpgsql
set search_path = ''
as $$
declare
  session record;
  greeting text;
begin
  if current_user not in ('anon', 'authenticated') then
    return new;
  end if;
  select chat.user_id, chat.status into session from public.public_chat_sessions chat where chat.id = new.session_id;
  if session.user_id = auth.uid() then
    return new;
  end if;
  if session.user_id is null or session.status not in ('active', 'human_takeover') then
    raise insufficient_privilege using message = 'This chat is closed.';
  end if;
  if new.sender <> 'visitor' then
    select coalesce(nullif(settings.greeting_message, ''), 'Hi! How can I help you today?') into greeting
    from public.chatbot_settings settings where settings.user_id = session.user_id;
    if new.message is distinct from greeting then
      raise insufficient_privilege using message = 'Visitors write as themselves.';
    end if;
  end if;
  new.ai_emotion := case when new.sender = 'ai' then 'welcoming' end;
  new.ai_intent := case when new.sender = 'ai' then 'greeting' end;
  new.ai_buying_signals := '{}';
  new.detected_objections := '{}';
  new.sentiment_score := 0;
  new.urgency_level := 'low';
  new.keywords := '{}';
  new.token_usage := 0;
  new.model_used := null;
  new.metadata := '{}';
  -- The clock, not the transaction: two rows of one request must not share their place in the conversation.
  new.created_at := clock_timestamp();
  return new;
end
$$;
comment on function nexscout.guard_chat_message () is
  'Visitors add their own words, or the greeting as configured, to an open session they can see; owners write in their own sessions.';

create or replace trigger guard_chat_message
before insert on public.public_chat_messages
for each row execute function nexscout.guard_chat_message();
