-- The public chat page works with the anonymous key, and the policies it needs let that key write any session and any message. These
-- guards leave the page what it does (start a session, greet, write as the visitor, archive duplicates) and take the rest away. What
-- may not be changed keeps its old value without an error, so that code in browsers goes on working; only forged words are refused.
-- A signed-in user is no more than a visitor in sessions that are not his own. Invoker's rights: current_user tells who writes.

create or replace function nexscout.guard_chat_session () returns trigger
language plpgsql
set search_path = ''
as $$
declare
  caller uuid := auth.uid();
  archived boolean := new.status = 'archived';
begin
  if current_user not in ('anon', 'authenticated') then
    return new;
  end if;
  if tg_op = 'UPDATE' and old.user_id = caller or tg_op = 'INSERT' and new.user_id = caller then
    if tg_op = 'UPDATE' then
      new.id := old.id;
      new.user_id := old.user_id;
    end if;
    if not exists (
      select from public.prospects where prospects.id = new.prospect_id and prospects.user_id = caller
    ) then
      new.prospect_id := case when tg_op = 'UPDATE' then old.prospect_id end;
    end if;
    return new;
  end if;
  if tg_op = 'UPDATE' then
    new := old;
    if archived then
      new.status := 'archived';
      new.updated_at := now();
    end if;
    return new;
  end if;
  new.conversation_context := '{}';
  new.emotional_state := 'neutral';
  new.buying_intent_score := 0;
  new.qualification_score := 0;
  new.message_count := 0;
  new.created_at := now();
  new.updated_at := now();
  new.last_message_at := now();
  new.status := 'active';
  new.is_read := false;
  new.current_intent := null;
  new.current_funnel_stage := 'awareness';
  new.lead_temperature := 'cold';
  new.conversation_state := '{}';
  new.buying_signals_detected := '{}';
  new.last_intent_update := now();
  new.lead_score := 0;
  new.current_product_id := null;
  new.suggested_product_id := null;
  new.offer_type := null;
  new.buying_signals_history := '[]';
  new.intents_history := '[]';
  new.prospect_id := null;
  return new;
end
$$;
comment on function nexscout.guard_chat_session () is
  'Visitors start sessions with default values and archive them; owners manage their own; nobody moves one to another owner.';
revoke all on function nexscout.guard_chat_session () from public;

create or replace trigger guard_chat_session
before insert or update on public.public_chat_sessions
for each row execute function nexscout.guard_chat_session();

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
revoke all on function nexscout.guard_chat_message () from public;

create or replace trigger guard_chat_message
before insert on public.public_chat_messages
for each row execute function nexscout.guard_chat_message();

-- What the anonymous key can read ends after a day. Within the day every visitor can still read every session and message, and archive
-- any session: the page asks by session id under a policy that cannot know who holds that id.
do $$
declare
  rule record;
begin
  for rule in
    values
      ('public_chat_sessions', 'Visitors see the last day of sessions', 'anon', $rule$
        created_at > now() - interval '24 hours'
      $rule$),
      ('public_chat_sessions', 'Users see own sessions and the last day of others', 'authenticated', $rule$
        (select auth.uid()) = user_id or created_at > now() - interval '24 hours' or (select nexscout.is_admin())
      $rule$),
      ('public_chat_messages', 'Visitors see the last day of messages', 'anon', $rule$
        created_at > now() - interval '24 hours'
      $rule$),
      ('public_chat_messages', 'Users see own messages and the last day of others', 'authenticated', $rule$
        created_at > now() - interval '24 hours' or (select nexscout.is_admin()) or exists (
          select 1 from public.public_chat_sessions
          where public_chat_sessions.id = public_chat_messages.session_id and public_chat_sessions.user_id = (select auth.uid())
        )
      $rule$)
  loop
    if not exists (
      select from pg_policies
      where schemaname = 'public' and tablename = rule.column1 and policyname = rule.column2
    ) then
      execute format('create policy %I on public.%I as restrictive for select to %I using (%s)',
        rule.column2, rule.column1, rule.column3, rule.column4);
    end if;
  end loop;
end
$$;
