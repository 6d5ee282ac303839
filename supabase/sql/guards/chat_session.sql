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

create or replace trigger guard_chat_session
before insert or update on public.public_chat_sessions
for each row execute function nexscout.guard_chat_session();
