-- What a visitor told of himself, and the prospect that it makes of him.

create or replace function nexscout.keep_contact(p_session public.public_chat_sessions, p_lead jsonb) returns public.chat_leads
language plpgsql set search_path = '' as $$
declare
  v_lead public.chat_leads;
begin
  insert into public.chat_leads as l (session_id, user_id, full_name, email, phone, company, said, updated_at)
  select p_session.id, p_session.user_id, x.full_name, x.email, x.phone, x.company, coalesce(x.said, '{}'), clock_timestamp()
  from jsonb_to_record(p_lead) as x (full_name text, email text, phone text, company text, said jsonb)
  on conflict (session_id) do update set
    full_name = coalesce(excluded.full_name, l.full_name), email = coalesce(excluded.email, l.email),
    phone = coalesce(excluded.phone, l.phone), company = coalesce(excluded.company, l.company),
    said = l.said || excluded.said, updated_at = excluded.updated_at
  returning * into v_lead;
  return v_lead;
end
$$;
comment on function nexscout.keep_contact is 'Keeps what a visitor told of himself beside what he had told before; returns all of it';

create or replace function nexscout.add_lead_prospect(
  p_session public.public_chat_sessions, p_lead public.chat_leads, p jsonb
) returns uuid
language plpgsql set search_path = '' as $$
declare
  v_score numeric := coalesce((p ->> 'qualification_score')::numeric, 0);
  v_prospect_id uuid;
begin
  insert into public.prospects (user_id, full_name, email, phone, company, source, pipeline_stage, buying_intent_score,
    lead_temperature, metadata)
  values (p_session.user_id, coalesce(p_lead.full_name, p_lead.email, p_lead.phone), p_lead.email, p_lead.phone, p_lead.company,
    'public_chatbot', case when v_score >= 0.7 then 'qualified' else 'contacted' end,
    round(coalesce((p ->> 'buying_intent')::numeric, 0) * 100)::integer,
    case when v_score >= 0.7 then 'hot' when v_score >= 0.5 then 'warm' else 'cold' end,
    jsonb_build_object('chat_session_id', p_session.id, 'qualification_score', v_score))
  returning id into v_prospect_id;
  update public.public_chat_sessions set prospect_id = v_prospect_id where id = p_session.id;
  insert into public.chatbot_to_prospect_pipeline (user_id, prospect_id, session_id, qualification_score, emotion_primary, converted_at)
  values (p_session.user_id, v_prospect_id, p_session.id, v_score, p ->> 'emotional_state', clock_timestamp());
  insert into public.notifications (user_id, type, title, message, related_prospect_id, priority, category, metadata)
  values (p_session.user_id, 'hot_lead', 'New lead from your chat page',
    coalesce(p_lead.full_name, 'A visitor') || ' left contact details in the chat.', v_prospect_id, 'high', 'important',
    jsonb_build_object('session_id', p_session.id, 'qualification_score', v_score));
  return v_prospect_id;
end
$$;
comment on function nexscout.add_lead_prospect is
  'Makes a prospect of a visitor, with its pipeline row and the owner''s notification; returns its id';

create or replace function nexscout.store_chat_lead(p_session public.public_chat_sessions, p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  v_lead public.chat_leads;
  v_prospect_id uuid;
begin
  if p -> 'lead' is null or jsonb_typeof(p -> 'lead') <> 'object' then
    return;
  end if;
  v_lead := nexscout.keep_contact(p_session, p -> 'lead');
  if not coalesce((p ->> 'qualified')::boolean, false) or (v_lead.email is null and v_lead.phone is null) then
    return;
  end if;
  -- Never two prospects for one contact; the account lock keeps two sessions of one visitor apart.
  select id into v_prospect_id from public.prospects
  where user_id = p_session.user_id
    and (lower(email) = lower(v_lead.email) or phone = v_lead.phone or id = p_session.prospect_id)
  order by created_at limit 1;
  if v_prospect_id is null then
    v_prospect_id := nexscout.add_lead_prospect(p_session, v_lead, p);
  elsif p_session.prospect_id is null then
    update public.public_chat_sessions set prospect_id = v_prospect_id where id = p_session.id;
  end if;
  update public.chat_leads set prospect_id = v_prospect_id where session_id = p_session.id;
end
$$;
comment on function nexscout.store_chat_lead is
  'Keeps the contact in the private table; a qualified one becomes one prospect, one pipeline row and one notification';
