-- The public chat: a visitor's message comes in with the reservation, the answer goes out with the settlement.

create table if not exists public.chat_leads (
  session_id uuid primary key references public.public_chat_sessions (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  full_name text,
  email text,
  phone text,
  company text,
  said jsonb not null default '{}',
  prospect_id uuid,
  updated_at timestamptz not null default now()
);
comment on table public.chat_leads is
  'What a visitor told of himself. Every visitor can read every session row, so contact details stand here, for the owner alone';
comment on column public.chat_leads.said is 'The visitor''s own words behind each value';
create index if not exists chat_leads_user_updated_idx on public.chat_leads (user_id, updated_at desc);
alter table public.chat_leads enable row level security;
revoke all on public.chat_leads from anon, authenticated;
grant select on public.chat_leads to authenticated;
drop policy if exists "Owners read their leads" on public.chat_leads;
create policy "Owners read their leads" on public.chat_leads
  for select to authenticated using (user_id = (select auth.uid()));

create index if not exists public_chat_messages_session_created_idx
  on public.public_chat_messages (session_id, created_at desc);
create index if not exists public_chatbot_training_data_user_idx
  on public.public_chatbot_training_data (user_id) where is_active;

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

create or replace function nexscout.store_chat_lead(p_session public.public_chat_sessions, p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  v_lead public.chat_leads;
  v_prospect_id uuid;
  v_score numeric := coalesce((p ->> 'qualification_score')::numeric, 0);
begin
  if p -> 'lead' is null or jsonb_typeof(p -> 'lead') <> 'object' then
    return;
  end if;
  insert into public.chat_leads as l (session_id, user_id, full_name, email, phone, company, said, updated_at)
  select p_session.id, p_session.user_id, x.full_name, x.email, x.phone, x.company, coalesce(x.said, '{}'), clock_timestamp()
  from jsonb_to_record(p -> 'lead') as x (full_name text, email text, phone text, company text, said jsonb)
  on conflict (session_id) do update set
    full_name = coalesce(excluded.full_name, l.full_name), email = coalesce(excluded.email, l.email),
    phone = coalesce(excluded.phone, l.phone), company = coalesce(excluded.company, l.company),
    said = l.said || excluded.said, updated_at = excluded.updated_at
  returning * into v_lead;
  if not coalesce((p ->> 'qualified')::boolean, false) or (v_lead.email is null and v_lead.phone is null) then
    return;
  end if;
  -- Never two prospects for one contact; the account lock keeps two sessions of one visitor apart.
  select id into v_prospect_id from public.prospects
  where user_id = p_session.user_id
    and (lower(email) = lower(v_lead.email) or phone = v_lead.phone or id = p_session.prospect_id)
  order by created_at limit 1;
  if v_prospect_id is not null then
    if p_session.prospect_id is null then
      update public.public_chat_sessions set prospect_id = v_prospect_id where id = p_session.id;
    end if;
    update public.chat_leads set prospect_id = v_prospect_id where session_id = p_session.id;
    return;
  end if;
  insert into public.prospects (user_id, full_name, email, phone, company, source, pipeline_stage, buying_intent_score,
    lead_temperature, metadata)
  values (p_session.user_id, coalesce(v_lead.full_name, v_lead.email, v_lead.phone), v_lead.email, v_lead.phone, v_lead.company,
    'public_chatbot', case when v_score >= 0.7 then 'qualified' else 'contacted' end,
    round(coalesce((p ->> 'buying_intent')::numeric, 0) * 100)::integer,
    case when v_score >= 0.7 then 'hot' when v_score >= 0.5 then 'warm' else 'cold' end,
    jsonb_build_object('chat_session_id', p_session.id, 'qualification_score', v_score))
  returning id into v_prospect_id;
  update public.public_chat_sessions set prospect_id = v_prospect_id where id = p_session.id;
  update public.chat_leads set prospect_id = v_prospect_id where session_id = p_session.id;
  insert into public.chatbot_to_prospect_pipeline (user_id, prospect_id, session_id, qualification_score, emotion_primary, converted_at)
  values (p_session.user_id, v_prospect_id, p_session.id, v_score, p ->> 'emotional_state', clock_timestamp());
  insert into public.notifications (user_id, type, title, message, related_prospect_id, priority, category, metadata)
  values (p_session.user_id, 'hot_lead', 'New lead from your chat page',
    coalesce(v_lead.full_name, 'A visitor') || ' left contact details in the chat.', v_prospect_id, 'high', 'important',
    jsonb_build_object('session_id', p_session.id, 'qualification_score', v_score));
end
$$;
comment on function nexscout.store_chat_lead is
  'Keeps the contact in the private table; a qualified one becomes one prospect, one pipeline row and one notification';

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

revoke all on function nexscout.next_chat_instant(uuid), nexscout.chat_flood_wait(uuid), nexscout.store_visitor_message(uuid, text),
  nexscout.chat_context(public.public_chat_sessions, public.chatbot_settings),
  nexscout.shadow_chat_context(public.public_chat_sessions, public.chatbot_settings, text),
  nexscout.store_chat_answer(uuid, jsonb, text), nexscout.store_chat_lead(public.public_chat_sessions, jsonb),
  public.chat_open(uuid, uuid, text, text), public.chat_answer(uuid, text) from public, anon, authenticated;
grant execute on function nexscout.next_chat_instant(uuid), nexscout.chat_flood_wait(uuid), nexscout.store_visitor_message(uuid, text),
  nexscout.chat_context(public.public_chat_sessions, public.chatbot_settings),
  nexscout.shadow_chat_context(public.public_chat_sessions, public.chatbot_settings, text),
  nexscout.store_chat_answer(uuid, jsonb, text), nexscout.store_chat_lead(public.public_chat_sessions, jsonb),
  public.chat_open(uuid, uuid, text, text), public.chat_answer(uuid, text) to service_role;
