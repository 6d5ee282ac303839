-- Written by `nexscout schema migration functions_and_grants` from supabase/sql.

set check_function_bodies = off;

-- Who administers: rows of admin_users, which callers may not read.

create or replace function nexscout.is_admin () returns boolean
language sql stable security definer
set search_path = ''
as $$
  select exists (select from public.admin_users where admin_users.user_id = auth.uid())
$$;
comment on function nexscout.is_admin () is
  'True when the caller is an administrator. Definer rights: policies ask it, and callers may not read the list of administrators.';

-- The policies of the app's own tables that the functions lean on, by the app's own names. Where one is there already it stays as
-- the app has it: these are made where they are missing, as in an empty project. Then row-level security is switched on, in the
-- same statement: no table is closed to its owners meanwhile.

do $$
declare
  rule record;
  relation text;
begin
  for rule in
    values
      ('admin_users', 'Administrators read own row',
        'for select to authenticated using ((select auth.uid()) = user_id)'),
      ('profiles', 'System can insert profiles',
        'for insert to authenticated with check (auth.uid() = id)'),
      ('profiles', 'Users can read own profile',
        'for select to authenticated using (auth.uid() = id)'),
      ('profiles', 'Users can update own profile',
        'for update to authenticated using (id = auth.uid()) with check (id = auth.uid())'),
      ('workspace_configs', 'Users can insert own workspace config',
        'for insert to authenticated with check (auth.uid() = workspace_id)'),
      ('workspace_configs', 'Admins can view all workspace configs',
        'for select to authenticated using (exists (select 1 from public.admin_users where admin_users.user_id = auth.uid()))'),
      ('workspace_configs', 'Users can view own workspace config',
        'for select to authenticated using (auth.uid() = workspace_id)'),
      ('workspace_configs', 'Users can update own workspace config',
        'for update to authenticated using (auth.uid() = workspace_id) with check (auth.uid() = workspace_id)'),
      ('prospects', 'Users can delete own prospects',
        'for delete to authenticated using (user_id = auth.uid())'),
      ('prospects', 'Users can insert own prospects',
        'for insert to authenticated with check (user_id = auth.uid())'),
      ('prospects', 'Users can view own prospects',
        'for select to authenticated using (user_id = auth.uid())'),
      ('prospects', 'Users can update own prospects',
        'for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())'),
      ('products', 'Users can delete own products',
        'for delete to authenticated using (auth.uid() = user_id)'),
      ('products', 'Users can insert own products',
        'for insert to authenticated with check (auth.uid() = user_id)'),
      ('products', 'Public can view active products for chatbot',
        'for select to anon, authenticated using (active = true)'),
      ('products', 'Users can update own products',
        'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)'),
      ('company_profiles', 'Public can view company profiles for chatbot',
        'for select to anon, authenticated using (true)'),
      ('company_intelligence_v2', 'Users can delete own intelligence',
        'for delete to authenticated using (auth.uid() = user_id)'),
      ('company_intelligence_v2', 'Users can insert own intelligence',
        'for insert to authenticated with check (auth.uid() = user_id)'),
      ('company_intelligence_v2', 'Users can view own intelligence',
        'for select to authenticated using (auth.uid() = user_id)'),
      ('company_intelligence_v2', 'Users can update own intelligence',
        'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)'),
      ('chatbot_settings', 'Users can insert own chatbot settings',
        'for insert to authenticated with check (auth.uid() = user_id)'),
      ('chatbot_settings', 'Public can view active chatbot settings',
        'for select to anon, authenticated using (is_active = true)'),
      ('chatbot_settings', 'Users can view own chatbot settings',
        'for select to authenticated using (user_id = auth.uid())'),
      ('chatbot_settings', 'Users can update own chatbot settings',
        'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)'),
      ('chatbot_links', 'Public can view active chatbot links',
        'for select to anon, authenticated using (is_active = true)'),
      ('public_chatbot_training_data', 'Public can view active training data',
        'for select to anon, authenticated using (is_active = true)'),
      ('public_chat_sessions', 'Public can create chat sessions',
        'for insert to anon, authenticated with check (true)'),
      ('public_chat_sessions', 'Public can view own session by slug',
        'for select to anon, authenticated using (true)'),
      ('public_chat_sessions', 'Public can update chat sessions',
        'for update to anon, authenticated using (true) with check (true)'),
      ('public_chat_messages', 'Public can insert chat messages',
        'for insert to anon, authenticated with check (true)'),
      ('public_chat_messages', 'Public can insert messages to sessions',
        'for insert to anon, authenticated with check (true)'),
      ('public_chat_messages', 'Public can view chat messages',
        'for select to anon, authenticated using (true)'),
      ('public_chat_messages', 'Public can view messages in session',
        'for select to anon, authenticated using (true)'),
      ('chatbot_to_prospect_pipeline', 'Users can insert own pipeline entries',
        'for insert to authenticated with check (auth.uid() = user_id)'),
      ('chatbot_to_prospect_pipeline', 'Users can view own pipeline entries',
        'for select to authenticated using (auth.uid() = user_id)'),
      ('chatbot_to_prospect_pipeline', 'Users can update own pipeline entries',
        'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)'),
      ('scans', 'Users can delete own scans',
        'for delete to authenticated using (user_id = auth.uid())'),
      ('scans', 'Users can create own scans',
        'for insert to authenticated with check (user_id = auth.uid())'),
      ('scans', 'Users can view own scans',
        'for select to authenticated using (user_id = auth.uid())'),
      ('scans', 'Users can update own scans',
        'for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())'),
      ('scan_status', 'System can insert scan status',
        'for insert to authenticated with check (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))'),
      ('scan_status', 'Users can view own scan status',
        'for select to authenticated using (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))'),
      ('scan_status', 'System can update scan status',
        'for update to authenticated using (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))
          with check (exists (select 1 from public.scans where scans.id = scan_status.scan_id and scans.user_id = auth.uid()))'),
      ('scan_processed_items', 'Users can delete own scan processed items',
        'for delete to authenticated using (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))'),
      ('scan_processed_items', 'Users can insert own scan processed items',
        'for insert to authenticated with check (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))'),
      ('scan_processed_items', 'Users can view own scan processed items',
        'for select to authenticated using (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))'),
      ('scan_processed_items', 'Users can update own scan processed items',
        'for update to authenticated using (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))
          with check (exists (select 1 from public.scans where scans.id = scan_processed_items.scan_id and scans.user_id = auth.uid()))'),
      ('scan_results', 'System can insert scan results',
        'for insert to authenticated with check (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))'),
      ('scan_results', 'Users can view own scan results',
        'for select to authenticated using (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))'),
      ('scan_results', 'System can update scan results',
        'for update to authenticated using (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))
          with check (exists (select 1 from public.scans where scans.id = scan_results.scan_id and scans.user_id = auth.uid()))'),
      ('ai_generations', 'Users can insert own generations',
        'for insert to authenticated with check (user_id = auth.uid())'),
      ('ai_generations', 'Users can view own generations',
        'for select to authenticated using (user_id = auth.uid())'),
      ('ai_generations', 'Users can update own generations',
        'for update to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid())'),
      ('coin_transactions', 'System can insert coin transactions',
        'for insert to authenticated with check (auth.uid() = user_id)'),
      ('coin_transactions', 'Users can view own coin transactions',
        'for select to authenticated using (auth.uid() = user_id)'),
      ('user_energy', 'Users can insert own energy record',
        'for insert to authenticated with check (auth.uid() = user_id)'),
      ('user_energy', 'Users can view own energy',
        'for select to authenticated using (auth.uid() = user_id)'),
      ('user_energy', 'Users can update own energy',
        'for update to authenticated using (auth.uid() = user_id) with check (auth.uid() = user_id)'),
      ('energy_transactions', 'System can insert energy txns',
        'for insert to authenticated with check (auth.uid() = user_id)'),
      ('energy_transactions', 'Users can insert own energy trans',
        'for insert to authenticated with check (user_id = auth.uid())'),
      ('energy_transactions', 'Users can view own energy trans',
        'for select to authenticated using (user_id = auth.uid())'),
      ('energy_transactions', 'Users can view own energy txns',
        'for select to authenticated using (auth.uid() = user_id)'),
      ('energy_costs', 'Anyone can view energy costs',
        'for select to authenticated using (true)')
  loop
    if not exists (
      select from pg_catalog.pg_policies
      where schemaname = 'public' and tablename = rule.column1 and policyname = rule.column2
    ) then
      execute format('create policy %I on public.%I %s', rule.column2, rule.column1, rule.column3);
    end if;
  end loop;
  -- On the hosted project it is on already; where it is not, this closes a hole.
  foreach relation in array array[
    'admin_users', 'profiles', 'workspace_configs', 'prospects', 'company_profiles', 'products', 'company_intelligence_v2',
    'chatbot_settings', 'chatbot_links', 'public_chatbot_training_data', 'public_chat_sessions', 'public_chat_messages',
    'chatbot_to_prospect_pipeline', 'notifications', 'scans', 'scan_status', 'scan_processed_items', 'scan_results',
    'ai_generations', 'coin_transactions', 'user_energy', 'energy_transactions', 'energy_costs'
  ] loop
    execute format('alter table public.%I enable row level security', relation);
  end loop;
end
$$;

-- What the internal assistant may know of its user, read under the user's own rights.

-- The internal assistant: what it may know of its user, read under the user's own rights, and the turn that a call leaves.

create or replace function nexscout.prospect_figures(p_user_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  with known as materialized (
    select prospects.full_name, prospects.company, prospects.created_at, prospects.pipeline_stage, prospects.lead_temperature,
      prospects.buying_intent_score,
      array_position(array['readyToBuy', 'hot', 'warm', 'cold'], prospects.lead_temperature) as coldness,
      case when jsonb_typeof(prospects.metadata -> 'scout_score') = 'number'
        then (prospects.metadata -> 'scout_score')::numeric end as scout_score
    from public.prospects where prospects.user_id = p_user_id
  ), picked as (
    -- Five of each before anything is built or sorted: of 20,000 prospects that is most of the time.
    (select 'newest' as list, known.*, null::integer as first_by, null::numeric as then_by from known
      order by known.created_at desc nulls last, known.full_name limit 5)
    union all
    (select 'hottest', known.*, known.coldness, greatest(known.buying_intent_score, known.scout_score) from known
      order by known.coldness nulls last, greatest(known.buying_intent_score, known.scout_score) desc nulls last,
        known.created_at desc nulls last, known.full_name limit 5)
  ), lists as (
    select picked.list, jsonb_agg(jsonb_build_object(
        'full_name', left(picked.full_name, 200), 'company', left(picked.company, 200),
        'pipeline_stage', picked.pipeline_stage, 'lead_temperature', picked.lead_temperature,
        'buying_intent_score', picked.buying_intent_score, 'scout_score', picked.scout_score,
        'added_on', picked.created_at::date)
      order by picked.first_by nulls last, picked.then_by desc nulls last, picked.created_at desc nulls last, picked.full_name
    ) as people
    from picked group by picked.list
  )
  select jsonb_build_object(
    'prospects', (select count(*) from known),
    'added_in_the_last_7_days', (select count(*) from known where known.created_at > now() - interval '7 days'),
    'by_stage', (
      select coalesce(jsonb_object_agg(stages.name, stages.prospects), '{}') from (
        select left(coalesce(known.pipeline_stage, 'none'), 60) as name, count(*) as prospects
        from known group by 1 order by 2 desc, 1 limit 20
      ) stages
    ),
    'by_temperature', (
      select coalesce(jsonb_object_agg(temperatures.name, temperatures.prospects), '{}') from (
        select coalesce(known.lead_temperature, 'none') as name, count(*) as prospects from known group by 1
      ) temperatures
    ),
    'newest', coalesce((select lists.people from lists where lists.list = 'newest'), '[]'),
    'hottest', coalesce((select lists.people from lists where lists.list = 'hottest'), '[]')
  )
$$;
comment on function nexscout.prospect_figures is
  'How many prospects a user has, in which stages, and the newest and hottest of them, under the rights of whoever asks';

create or replace function public.load_assistant_material(p_conversation_id uuid, p_prospect_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  with caller as materialized (
    select (select auth.uid()) as id
  )
  select jsonb_build_object(
    'user_id', caller.id,
    'prospect', (
      select to_jsonb(prospects) from public.prospects
      where prospects.id = p_prospect_id and prospects.user_id = caller.id
    ),
    'figures', nexscout.prospect_figures(caller.id),
    'message_count', (
      select count(*) from public.assistant_messages turns
      where turns.conversation_id = p_conversation_id and turns.user_id = caller.id
    ),
    'history', (
      select coalesce(jsonb_agg(jsonb_build_object('role', turn.role, 'content', left(turn.content, 4000))
        order by turn.created_at), '[]')
      from (
        select turns.role, turns.content, turns.created_at from public.assistant_messages turns
        where turns.conversation_id = p_conversation_id and turns.user_id = caller.id
        order by turns.created_at desc limit 20
      ) turn
    )
  )
  from caller
  where caller.id is not null
$$;
comment on function public.load_assistant_material is
  'What the assistant may know of the caller beside his configuration: one prospect, his figures, the newest turns in order.
Every part is filtered by the caller''s own id beside the policies. Null without a signed-in user.';

-- A user's talks with the assistant are his; only the service writes them.

drop policy if exists "Users read own assistant conversations" on public.assistant_conversations;
create policy "Users read own assistant conversations" on public.assistant_conversations
  for select to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users delete own assistant conversations" on public.assistant_conversations;
create policy "Users delete own assistant conversations" on public.assistant_conversations
  for delete to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users read own assistant messages" on public.assistant_messages;
create policy "Users read own assistant messages" on public.assistant_messages
  for select to authenticated using ((select auth.uid()) = user_id);

-- A turn of the internal assistant: reserved as every call, stored with its settlement.

create or replace function public.assistant_open(p_conversation_id uuid, p_request text) returns jsonb
language plpgsql set search_path = '' as $$
begin
  if p_conversation_id is not null and not exists (
    select from public.assistant_conversations
    where id = p_conversation_id and user_id = (p_request::jsonb ->> 'user_id')::uuid
  ) then
    return jsonb_build_object('outcome', 'conversation_not_found'::nexscout.outcome);
  end if;
  return public.ai_reserve(p_request);
end
$$;
comment on function public.assistant_open is
  'Reserves a turn of the assistant, in a new conversation (null) or in one that belongs to the reservation''s user. For the service key only';

create or replace function nexscout.store_assistant_turn(p_owner_id uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  v_id uuid := (p ->> 'conversation_id')::uuid;
  v_at timestamptz;
begin
  if (p ->> 'is_new')::boolean then
    insert into public.assistant_conversations (id, user_id, title) values (v_id, p_owner_id, p ->> 'title');
  else
    perform from public.assistant_conversations where id = v_id and user_id = p_owner_id for update;
    -- Its owner has deleted it while the answer was being written.
    if not found then
      return;
    end if;
  end if;
  select greatest(clock_timestamp(), max(created_at) + interval '1 microsecond') into v_at
  from public.assistant_messages where conversation_id = v_id;
  insert into public.assistant_messages (conversation_id, user_id, role, content, created_at) values
    (v_id, p_owner_id, 'user', p ->> 'message', v_at),
    (v_id, p_owner_id, 'assistant', p ->> 'answer', v_at + interval '1 microsecond');
  update public.assistant_conversations set updated_at = v_at + interval '1 microsecond' where id = v_id;
end
$$;
comment on function nexscout.store_assistant_turn is
  'Question and answer of a delivered call, never one without the other, at rising times; the owner''s account row must be locked';

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

-- What an answer may know of its owner: all of it where it fits, else what the visitor's newest words speak of.

create or replace function nexscout.shortened(p_fields jsonb) returns jsonb
language sql immutable set search_path = '' as $$
  select coalesce(jsonb_object_agg(f.key,
    case when octet_length(f.value::text) <= 1500 then f.value else to_jsonb(left(f.value #>> '{}', 1200)) end), '{}')
  from jsonb_each(jsonb_strip_nulls(p_fields)) f where f.value not in ('""', '[]', '{}')
$$;
comment on function nexscout.shortened is 'The fields of an object that hold anything, each cut to a length that leaves room for others';

create or replace function nexscout.most_relevant(p_pieces jsonb, p_words text, p_budget_bytes integer) returns jsonb
language sql stable set search_path = '' as $$
  with pieces as materialized (
    select given.place, given.piece, octet_length(given.piece::text) as bytes
    from jsonb_array_elements(p_pieces) with ordinality as given (piece, place)
  ),
  -- Nothing is looked for where everything fits.
  vectors as materialized (
    select place, jsonb_to_tsvector('simple', piece, '["string"]') as vector, count(*) over () as pieces
    from pieces where (select sum(bytes) from pieces) > p_budget_bytes
  ),
  words as materialized (
    select plainto_tsquery('simple', w.lexeme) as word, w.lexeme
    from unnest(to_tsvector('simple', p_words)) w order by length(w.lexeme) desc, w.lexeme limit 40
  ),
  -- A word that many pieces hold tells little of each; numeric, so that the sum is the same in any order.
  hits as (
    select v.place, ln(1 + v.pieces::numeric / count(*) over (partition by w.lexeme)) as weight
    from words w join vectors v on v.vector @@ w.word
  ),
  ranked as (
    select p.place, p.piece, p.bytes, coalesce(h.weight, 0) as weight
    from pieces p left join (select place, sum(weight) as weight from hits group by place) h on h.place = p.place
  ),
  fitting as (
    select r.piece, r.weight, r.place, sum(r.bytes) over best as bytes, row_number() over best as position
    from ranked r window best as (order by r.weight desc, r.place)
  )
  select coalesce(jsonb_agg(f.piece order by f.weight desc, f.place), '[]')
  from fitting f where f.bytes <= p_budget_bytes or f.position = 1
$$;
comment on function nexscout.most_relevant is
  'Of the pieces, in the order of their importance, those that fit the budget of bytes: all, else first those that hold most of the words, by full-text search';

create or replace function nexscout.chat_company_parts(p_owner_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  with fields as (
    select 1 as source, f.key, f.value
    from public.company_profiles c, jsonb_each(jsonb_build_object(
      'description', c.description, 'company_description', c.company_description,
      'value_proposition', c.value_proposition, 'value_propositions', c.value_propositions,
      'target_audience', c.target_audience, 'products', c.products, 'faqs', c.faqs,
      'achievements', c.achievements, 'mission', c.mission, 'vision', c.vision, 'culture', c.culture)) f
    where c.user_id = p_owner_id
    union all
    select 2, f.key, f.value
    from public.workspace_configs w, jsonb_each(
      case when jsonb_typeof(w.company) = 'object' then w.company else '{}' end
      || jsonb_build_object('tone', w.tone_profile)) f
    where w.workspace_id = p_owner_id
    union all
    select 3, 'brand_voice', newest.brand_voice
    from (
      select i.brand_voice from public.company_intelligence_v2 i where i.user_id = p_owner_id
      order by i.updated_at desc nulls last, i.created_at desc nulls last, i.id limit 1
    ) newest
  ),
  -- Each question of a list is a piece of its own.
  parts as (
    select f.source, f.key, e.place, e.value
    from fields f, jsonb_array_elements(
      case when jsonb_typeof(f.value) = 'array' then f.value else jsonb_build_array(f.value) end
    ) with ordinality as e (value, place)
    where f.value is not null
  )
  select coalesce(jsonb_agg(nexscout.shortened(jsonb_build_object('about', p.key, 'text', p.value))
    order by p.source, p.key, p.place), '[]')
  from parts p where p.value not in ('null', '""', '[]', '{}')
$$;
comment on function nexscout.chat_company_parts is 'What the owner''s company profile tells, piece by piece';

create or replace function nexscout.chat_products(p_owner_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(nexscout.shortened(to_jsonb(p) - array['id', 'created_at'])
    order by p.created_at desc nulls last, p.id), '[]')
  from (
    select id, created_at, name, product_type, main_category, short_tagline, short_description, long_description,
      primary_promise, key_benefits, currency, base_price, price_min, price_max, product_url, sales_page_url,
      pains, desires, objections
    from public.products where user_id = p_owner_id and active order by created_at desc nulls last, id limit 500
  ) p
$$;
comment on function nexscout.chat_products is 'The owner''s active products, the newest first';

create or replace function nexscout.chat_training(p_owner_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(
    jsonb_build_object('question', left(t.question, 500), 'answer', left(t.answer, 1500), 'category', t.category)
    order by t.priority desc nulls last, t.id), '[]')
  from (
    select id, question, answer, category, priority from public.public_chatbot_training_data
    where user_id = p_owner_id and is_active order by priority desc nulls last, id limit 1000
  ) t
$$;
comment on function nexscout.chat_training is 'The owner''s question and answer pairs, the most important first';

create or replace function nexscout.chat_links(p_owner_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(distinct l.link), '[]') from (
    select unnest(array[product_url, sales_page_url, video_url]) as link
    from public.products where user_id = p_owner_id and active
    union all
    select unnest(array[website, company_domain, social_media::text])
    from public.company_profiles where user_id = p_owner_id
  ) l where l.link is not null
$$;
comment on function nexscout.chat_links is 'Texts in which all the owner''s own addresses stand, chosen for the prompt or not';

create or replace function nexscout.chat_knowledge(p_owner_id uuid, p_words text) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'company', (
      select nexscout.shortened(jsonb_build_object('company_name', c.company_name, 'tagline', c.tagline,
        'industry', c.industry, 'location', c.location, 'website', c.website))
      from public.company_profiles c where c.user_id = p_owner_id),
    'about', nexscout.most_relevant(nexscout.chat_company_parts(p_owner_id), p_words, 4000),
    'products', nexscout.most_relevant(nexscout.chat_products(p_owner_id), p_words, 6000),
    'training', nexscout.most_relevant(nexscout.chat_training(p_owner_id), p_words, 8000),
    'links', nexscout.chat_links(p_owner_id)
  )
$$;
comment on function nexscout.chat_knowledge is
  'What an answer to these words may know of one owner: company, products and pairs within their budgets. His own data only';

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

-- The public chat page knows its workspace by the slug of its address. The app's own project has this function, and what it is there
-- is the app's business: it is kept. An empty project gets one that does the same with the visitor's own rights, since the policy
-- "Public can view active chatbot settings" shows the row anyway.

do $$
begin
  if exists (
    select from pg_catalog.pg_proc
    where pronamespace = 'public'::regnamespace and proname = 'get_user_from_chatbot_id'
  ) then
    return;
  end if;
  create function public.get_user_from_chatbot_id(p_chatbot_id text) returns uuid
  language sql stable set search_path = '' as $body$
    select settings.user_id from public.chatbot_settings settings
    where settings.fixed_chatbot_id = p_chatbot_id and settings.is_active
  $body$;
  comment on function public.get_user_from_chatbot_id(text) is
    'The owner of the active chatbot with this slug, null where there is none. For everybody';
end
$$;

-- Contact details of visitors are for the owner alone: every visitor can read every session row.

drop policy if exists "Owners read their leads" on public.chat_leads;
create policy "Owners read their leads" on public.chat_leads
  for select to authenticated using (user_id = (select auth.uid()));

-- All that a user's prompts are made of.

create or replace function nexscout.ai_configuration (p_user_id uuid) returns jsonb
language sql stable
set search_path = ''
as $$
  with caller as materialized (
    select p_user_id as id
  )
  select jsonb_build_object(
    'user_id', caller.id,
    'version', coalesce((select known.version from public.ai_config_versions known where known.user_id = caller.id), 0),
    'profile', (
      select jsonb_build_object(
        'full_name', profiles.full_name, 'company', profiles.company,
        'profession', profiles.profession, 'subscription_tier', profiles.subscription_tier
      )
      from public.profiles where profiles.id = caller.id
    ),
    'workspace', (
      select to_jsonb(workspace_configs) from public.workspace_configs where workspace_configs.workspace_id = caller.id
    ),
    'company', (
      select to_jsonb(facts) from (
        select company.id, company.company_name, company.industry, company.company_size, company.location, company.website,
          company.tagline, company.description, company.company_description, company.value_proposition,
          company.value_propositions, company.target_audience, company.products, company.faqs, company.achievements,
          company.mission, company.vision, company.culture
        from public.company_profiles company where company.user_id = caller.id
      ) facts
    ),
    'intelligence', (
      select jsonb_build_object(
        'company_identity', newest.company_identity, 'brand_voice', newest.brand_voice,
        'marketing_intelligence', newest.marketing_intelligence
      )
      from public.company_intelligence_v2 newest where newest.user_id = caller.id
      order by newest.updated_at desc nulls last, newest.created_at desc nulls last, newest.id
      limit 1
    ),
    'products', (
      select coalesce(jsonb_agg(to_jsonb(facts) - 'created_at' order by facts.created_at desc nulls last, facts.id), '[]')
      from (
        select products.id, products.created_at, products.name, products.product_type, products.main_category,
          products.short_tagline, products.short_description, products.long_description, products.primary_promise,
          products.key_benefits, products.ideal_prospect_tags, products.currency, products.base_price, products.price_min,
          products.price_max, products.product_url, products.personas, products.pains, products.desires, products.objections
        from public.products
        where products.user_id = caller.id and products.active
        order by products.created_at desc nulls last, products.id
        limit 50
      ) facts
    ),
    'ai_settings', (
      select jsonb_build_object(
        'default_model', settings.default_model, 'temperature', settings.temperature, 'language', settings.language,
        'tone', settings.tone, 'auto_select_model', settings.auto_select_model
      )
      from public.ai_settings settings where settings.user_id = caller.id
    ),
    'instructions', (
      select coalesce(jsonb_agg(own.instructions order by own.created_at, own.id), '[]')
      from public.ai_system_instructions own where own.user_id = caller.id and own.is_active
    )
  )
  from caller
  where caller.id is not null
$$;
comment on function nexscout.ai_configuration (uuid) is
  'All that a user''s prompts are made of, in one snapshot with its version, under the rights of whoever asks';

create or replace function public.load_ai_configuration () returns jsonb
language sql stable
set search_path = ''
as $$
  select nexscout.ai_configuration((select auth.uid()))
$$;
comment on function public.load_ai_configuration () is
  'All that the caller''s prompts are made of, in one snapshot with its version. Every part is filtered by the caller''s own id:
several policies would show an administrator, or anyone, the rows of others. Null without a signed-in user.';

-- A user sets and reads what the AI answers with for him, and nobody else does.

drop policy if exists "Users read own AI settings" on public.ai_settings;
create policy "Users read own AI settings" on public.ai_settings
  for select to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users add own AI settings" on public.ai_settings;
create policy "Users add own AI settings" on public.ai_settings
  for insert to authenticated with check ((select auth.uid()) = user_id);

drop policy if exists "Users change own AI settings" on public.ai_settings;
create policy "Users change own AI settings" on public.ai_settings
  for update to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);

drop policy if exists "Users delete own AI settings" on public.ai_settings;
create policy "Users delete own AI settings" on public.ai_settings
  for delete to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users read own AI instructions" on public.ai_system_instructions;
create policy "Users read own AI instructions" on public.ai_system_instructions
  for select to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users add own AI instructions" on public.ai_system_instructions;
create policy "Users add own AI instructions" on public.ai_system_instructions
  for insert to authenticated with check ((select auth.uid()) = user_id);

drop policy if exists "Users change own AI instructions" on public.ai_system_instructions;
create policy "Users change own AI instructions" on public.ai_system_instructions
  for update to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);

drop policy if exists "Users delete own AI instructions" on public.ai_system_instructions;
create policy "Users delete own AI instructions" on public.ai_system_instructions
  for delete to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users read own configuration version" on public.ai_config_versions;
create policy "Users read own configuration version" on public.ai_config_versions
  for select to authenticated using ((select auth.uid()) = user_id);

-- What the service may read of an owner where there is no user token: a worker, a job, a call with the service key.
-- The list is closed (scan_owner is its third): a function not named here reads nobody's data.

-- What the service may read of an owner where there is no user token: a worker, a job, a call with the service key.
-- The list is closed: a function not named here reads nobody's data.

create or replace function public.ai_configuration_of(p_user_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select nexscout.ai_configuration(p_user_id)
$$;
comment on function public.ai_configuration_of is
  'The configuration of one owner, as load_ai_configuration gives it to himself. For the service key only';

create or replace function public.ai_prospect_of(p_user_id uuid, p_prospect_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select to_jsonb(p) from public.prospects p where p.id = p_prospect_id and p.user_id = p_user_id
$$;
comment on function public.ai_prospect_of is
  'One prospect of one owner; null when it is not his. For the service key only';

-- The version of a user's configuration: it rises with every change of what his prompts are made of.

create or replace function nexscout.bump_config_version () returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) else '{}' end;
  after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) else '{}' end;
  owner_column text := tg_argv[0];
begin
  if tg_op = 'UPDATE' and not exists (
    select from jsonb_object_keys(after) as changed (key)
    where before -> changed.key is distinct from after -> changed.key
      and changed.key <> 'updated_at'
      and (tg_nargs = 1 or changed.key = any (tg_argv[1:]))
  ) then
    return null;
  end if;
  insert into public.ai_config_versions as known (user_id, version)
  select distinct owner.id, 1
  from unnest(array[(before ->> owner_column)::uuid, (after ->> owner_column)::uuid]) as owner (id)
  -- A user who is being deleted takes his rows along; his version must not come back.
  where exists (select from auth.users where users.id = owner.id)
  order by owner.id
  on conflict (user_id) do update set version = known.version + 1;
  return null;
end
$$;
comment on function nexscout.bump_config_version () is
  'Raises the owner''s configuration version. Arguments: the owner''s column, then the columns that matter (none: all but updated_at).';

create or replace trigger bump_config_version
after insert or update or delete on public.profiles
for each row execute function nexscout.bump_config_version('id', 'subscription_tier', 'full_name', 'company', 'profession');

create or replace trigger bump_config_version
after insert or update or delete on public.workspace_configs
for each row execute function nexscout.bump_config_version('workspace_id');

create or replace trigger bump_config_version
after insert or update or delete on public.products
for each row execute function nexscout.bump_config_version('user_id');

create or replace trigger bump_config_version
after insert or update or delete on public.company_profiles
for each row execute function nexscout.bump_config_version('user_id');

create or replace trigger bump_config_version
after insert or update or delete on public.company_intelligence_v2
for each row execute function nexscout.bump_config_version('user_id');

create or replace trigger bump_config_version
after insert or update or delete on public.chatbot_settings
for each row execute function nexscout.bump_config_version('user_id');

-- Every answered question counts its use in the row: only what is said may empty a cache.
create or replace trigger bump_config_version
after insert or update or delete on public.public_chatbot_training_data
for each row execute function nexscout.bump_config_version(
  'user_id', 'category', 'question', 'answer', 'tags', 'priority', 'is_active', 'context_keywords'
);

create or replace trigger bump_config_version
after insert or update or delete on public.ai_settings
for each row execute function nexscout.bump_config_version('user_id');

create or replace trigger bump_config_version
after insert or update or delete on public.ai_system_instructions
for each row execute function nexscout.bump_config_version('user_id');

-- What the anonymous key can read ends after a day. Within the day every visitor can still read every session and message, and archive
-- any session: the page asks by session id under a policy that cannot know who holds that id.

drop policy if exists "Visitors see the last day of sessions" on public.public_chat_sessions;
create policy "Visitors see the last day of sessions" on public.public_chat_sessions
  as restrictive for select to anon using (created_at > now() - interval '24 hours');

drop policy if exists "Users see own sessions and the last day of others" on public.public_chat_sessions;
create policy "Users see own sessions and the last day of others" on public.public_chat_sessions
  as restrictive for select to authenticated
  using ((select auth.uid()) = user_id or created_at > now() - interval '24 hours' or (select nexscout.is_admin()));

drop policy if exists "Visitors see the last day of messages" on public.public_chat_messages;
create policy "Visitors see the last day of messages" on public.public_chat_messages
  as restrictive for select to anon using (created_at > now() - interval '24 hours');

drop policy if exists "Users see own messages and the last day of others" on public.public_chat_messages;
create policy "Users see own messages and the last day of others" on public.public_chat_messages
  as restrictive for select to authenticated
  using (
    created_at > now() - interval '24 hours' or (select nexscout.is_admin()) or exists (
      select 1 from public.public_chat_sessions
      where public_chat_sessions.id = public_chat_messages.session_id and public_chat_sessions.user_id = (select auth.uid())
    )
  );

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

-- What a client key may write into an account: nothing that is worth money.

-- Invoker: current_user tells which key writes. A definer function of the app acts for the app and passes.
create or replace function nexscout.guard_energy_row() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_user not in ('anon', 'authenticated') then
    return new;
  end if;
  if tg_op = 'INSERT' then
    new.current_energy := 100;
    new.max_energy := 100;
    new.tier := 'free';
    new.last_reset := now();
    new.regen_multiplier := 1.0;
    new.surge_multiplier := 1.0;
    new.regen_rate_per_hour := 1;
    new.last_regen_at := now();
    new.next_regen_at := now() + interval '1 hour';
    new.daily_token_budget := 5000;
    new.tokens_used_today := 0;
    return new;
  end if;
  new.user_id := old.user_id;
  new.current_energy := old.current_energy;
  new.max_energy := old.max_energy;
  new.tier := old.tier;
  new.last_reset := old.last_reset;
  new.regen_multiplier := old.regen_multiplier;
  new.surge_multiplier := old.surge_multiplier;
  new.regen_rate_per_hour := old.regen_rate_per_hour;
  new.last_regen_at := old.last_regen_at;
  new.next_regen_at := old.next_regen_at;
  new.daily_token_budget := old.daily_token_budget;
  new.tokens_used_today := old.tokens_used_today;
  return new;
end
$$;
comment on function nexscout.guard_energy_row is
  'Keeps what is worth money when a client key writes it, silently: code in old browsers goes on working';

create or replace trigger guard_energy_row before insert or update on public.user_energy
for each row execute function nexscout.guard_energy_row();

-- The ledger is only added to, and a client's row in it never counts.

create or replace function nexscout.keep_ledger_rows() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'DELETE' and not exists (select 1 from auth.users u where u.id = old.user_id) then
    return old;
  end if;
  raise exception 'energy_transactions is append-only' using errcode = 'restrict_violation';
end
$$;
comment on function nexscout.keep_ledger_rows is 'Refuses updates and deletes, except the cascade of a deleted user';

create or replace function nexscout.refuse_truncate() returns trigger
language plpgsql set search_path = '' as $$
begin
  raise exception '% is never emptied: no trigger would write the ledger', tg_table_name using errcode = 'restrict_violation';
end
$$;
comment on function nexscout.refuse_truncate is 'Balances and ledger go row by row, with their user';

create or replace function nexscout.guard_ledger_insert() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_user in ('anon', 'authenticated') then
    new.delta := null;
    new.request_id := null;
  end if;
  return new;
end
$$;
comment on function nexscout.guard_ledger_insert is 'A row that a client inserts is a note: it never counts';

create or replace trigger guard_ledger_insert before insert on public.energy_transactions
for each row execute function nexscout.guard_ledger_insert();

create or replace trigger keep_ledger_rows before update or delete on public.energy_transactions
for each row execute function nexscout.keep_ledger_rows();

create or replace trigger refuse_truncate before truncate on public.energy_transactions
for each statement execute function nexscout.refuse_truncate();

create or replace trigger refuse_truncate before truncate on public.user_energy
for each statement execute function nexscout.refuse_truncate();

-- What a client key may write into a profile: no coins, no energy, no tier.

create or replace function nexscout.guard_profile_money() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_user not in ('anon', 'authenticated') then
    return new;
  end if;
  if tg_op = 'INSERT' then
    new.coin_balance := 0;
    new.coins_balance := 100;
    new.energy_balance := 0;
    new.subscription_tier := 'free';
    return new;
  end if;
  new.coin_balance := old.coin_balance;
  new.coins_balance := old.coins_balance;
  new.energy_balance := old.energy_balance;
  new.subscription_tier := old.subscription_tier;
  return new;
end
$$;
comment on function nexscout.guard_profile_money is 'Keeps coins, energy and tier as they are when a client key writes a profile, silently';

create or replace trigger guard_profile_money before insert or update on public.profiles
for each row execute function nexscout.guard_profile_money();

-- Work that takes longer than a request: asked for, leased by one worker at a time, answered once.

create or replace function public.ai_enqueue_job(p_job text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  p public.ai_jobs := jsonb_populate_record(null::public.ai_jobs, p_job::jsonb);
  v_earlier public.ai_jobs;
begin
  insert into public.ai_jobs (id, user_id, function_name, body, body_hash, idempotency_key, created_at)
  values (p.id, p.user_id, p.function_name, p.body, p.body_hash, p.idempotency_key, clock_timestamp())
  on conflict do nothing;
  if found then
    return jsonb_build_object('outcome', 'reserved'::nexscout.outcome, 'id', p.id);
  end if;
  -- The same key, or the same job whose first answer was lost.
  select * into v_earlier from public.ai_jobs
  where user_id = p.user_id and (id = p.id or idempotency_key = p.idempotency_key);
  return jsonb_build_object(
    'outcome', (case when v_earlier.body_hash = p.body_hash then 'replayed' else 'idempotency_conflict' end)::nexscout.outcome,
    'id', v_earlier.id);
exception when foreign_key_violation then
  return jsonb_build_object('outcome', 'unknown_account'::nexscout.outcome);
end
$$;
comment on function public.ai_enqueue_job is
  'Takes a job once: the same idempotency key and body gives the first one again. For the service key only';

create or replace function public.ai_claim_job(p_job_id uuid, p_lease_seconds integer) returns jsonb
language sql set search_path = '' as $$
  update public.ai_jobs j
  set state = 'running', tries = j.tries + 1, sends = 0,
    lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
  where j.id = (
    select w.id from public.ai_jobs w
    where w.id = p_job_id
      and (w.state = 'queued' or (w.state = 'running' and w.lease_until <= clock_timestamp()))
    for update skip locked)
  returning jsonb_build_object(
    'id', j.id, 'user_id', j.user_id, 'body', j.body::text, 'idempotency_key', j.idempotency_key, 'tries', j.tries)
$$;
comment on function public.ai_claim_job is
  'Leases a job, also one whose lease ran out; null where it is done or somebody works on it. For the service key only';

create or replace function public.ai_finish_job(p_job_id uuid, p_tries integer, p_status integer, p_reply text)
returns boolean
language plpgsql set search_path = '' as $$
begin
  -- Only the worker whose lease is the newest may answer.
  update public.ai_jobs
  set state = 'done', reply = p_reply::jsonb, reply_status = p_status, finished_at = clock_timestamp()
  where id = p_job_id and state = 'running' and tries = p_tries;
  return found;
end
$$;
comment on function public.ai_finish_job is 'Stores the answer of a job, once. For the service key only';

create or replace function public.ai_requeue_jobs(p_older_than_seconds integer, p_limit integer default 100,
  p_most_sends integer default 20) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_older_than_seconds);
  v_open uuid;
  v_sends integer;
  v_jobs jsonb := '[]';
  v_gave_up integer := 0;
begin
  for v_open in
    select id from public.ai_jobs
    where (state = 'queued' and sent_at <= v_before) or (state = 'running' and greatest(lease_until, sent_at) <= v_before)
    order by sent_at limit p_limit for update skip locked
  loop
    update public.ai_jobs set sends = sends + 1, sent_at = clock_timestamp() where id = v_open returning sends into v_sends;
    if v_sends <= p_most_sends then
      v_jobs := v_jobs || to_jsonb(v_open);
    else
      update public.ai_jobs set state = 'done', reply_status = 500, finished_at = clock_timestamp(),
        reply = jsonb_build_object('success', false, 'error', 'Something went wrong on our side. Please try again.',
          'code', 'internal_error', 'requestId', id, 'details', '[]'::jsonb)
      where id = v_open;
      v_gave_up := v_gave_up + 1;
    end if;
  end loop;
  return jsonb_build_object('jobs', v_jobs, 'gave_up', v_gave_up);
end
$$;
comment on function public.ai_requeue_jobs is
  'The jobs that wait for a worker for so long that their message must be lost, to be sent again; each once in that time, and answered as failed after p_most_sends. For the service key only';

-- Who reads jobs: the one who asked.

drop policy if exists "Users read their own jobs" on public.ai_jobs;
create policy "Users read their own jobs" on public.ai_jobs
  for select to authenticated using (user_id = (select auth.uid()));

-- The account of a user: one row, locked before anything is decided.

create or replace function nexscout.tier_of(p_user_id uuid) returns public.ai_tiers
language plpgsql stable set search_path = '' as $$
declare
  v_tier public.ai_tiers;
begin
  select * into v_tier from public.ai_tiers t
  where t.tier = coalesce(
    (select case p.subscription_tier
              when 'starter' then 'free'
              when 'elite' then 'pro'
              when 'pro' then 'pro'
              when 'team' then 'team'
              when 'enterprise' then 'enterprise'
            end
     from public.profiles p where p.id = p_user_id), 'free');
  return v_tier;
end
$$;
comment on function nexscout.tier_of is
  'The tier of a user: profiles.subscription_tier alone decides; starter, missing and unknown values are free, elite is pro';

create or replace function nexscout.refill(p_account public.user_energy, p_tier public.ai_tiers, p_at timestamptz)
returns public.user_energy
language plpgsql set search_path = '' as $$
declare
  v_account public.user_energy := p_account;
  v_due boolean := v_account.last_reset is null or v_account.last_reset < nexscout.day_start(p_at);
begin
  if not v_due and v_account.tier = p_tier.tier and v_account.max_energy = p_tier.daily_energy then
    return v_account;
  end if;
  perform set_config('nexscout.energy_reason', 'daily_refill', true);
  update public.user_energy e set
    current_energy = case when v_due then greatest(e.current_energy, p_tier.daily_energy) else e.current_energy end,
    last_reset = case when v_due then p_at else e.last_reset end,
    tier = p_tier.tier,
    max_energy = p_tier.daily_energy,
    updated_at = p_at
  where e.user_id = p_account.user_id
  returning * into v_account;
  perform set_config('nexscout.energy_reason', '', true);
  return v_account;
end
$$;
comment on function nexscout.refill is
  'Once a day raises a locked account to its tier''s energy, never lowers it, and keeps tier and max_energy in step with the profile';

-- Definer: the service key may not lock rows of auth.users.
create or replace function nexscout.pin_user(p_user_id uuid, p_patient boolean default true) returns boolean
language plpgsql security definer set search_path = '' as $$
begin
  if p_patient then
    perform from auth.users where id = p_user_id for key share;
  else
    perform from auth.users where id = p_user_id for key share skip locked;
  end if;
  return found;
end
$$;
comment on function nexscout.pin_user is
  'Keeps a user from being deleted until the transaction ends: every row of ours asks that of him, and asked for after the account it is a deadlock with the deletion, which takes the user first. False for an unknown user, or one that an impatient caller would have to wait for';

create or replace function nexscout.lock_account(p_user_id uuid) returns public.user_energy
language plpgsql set search_path = '' as $$
declare
  v_account public.user_energy;
  v_tier public.ai_tiers;
begin
  if not nexscout.pin_user(p_user_id) then
    return null;
  end if;
  select * into v_account from public.user_energy where user_id = p_user_id for update;
  -- Tier and time are read after the lock, as they are when this call's turn has come.
  v_tier := nexscout.tier_of(p_user_id);
  if v_account.user_id is null then
    perform set_config('nexscout.energy_reason', 'opening', true);
    insert into public.user_energy (user_id, current_energy, max_energy, tier, last_reset)
    values (p_user_id, v_tier.daily_energy, v_tier.daily_energy, v_tier.tier, clock_timestamp())
    on conflict (user_id) do nothing;
    perform set_config('nexscout.energy_reason', '', true);
    select * into v_account from public.user_energy where user_id = p_user_id for update;
  end if;
  return nexscout.refill(v_account, v_tier, clock_timestamp());
end
$$;
comment on function nexscout.lock_account is
  'Locks the one row of an account, making it where it is missing, and refills it; null for an unknown user';

create or replace function nexscout.account_as_it_stands(p_user_id uuid) returns public.user_energy
language plpgsql set search_path = '' as $$
declare
  v_account public.user_energy;
begin
  if not nexscout.pin_user(p_user_id) then
    return null;
  end if;
  select * into v_account from public.user_energy where user_id = p_user_id;
  v_account.user_id := p_user_id;
  v_account.tier := (nexscout.tier_of(p_user_id)).tier;
  return v_account;
end
$$;
comment on function nexscout.account_as_it_stands is
  'The account for a call that takes nothing of it: neither locked nor made nor refilled, its tier that of the profile; null for an unknown user';

create or replace function nexscout.account_for_call(p_user_id uuid, p_shadow boolean) returns public.user_energy
language plpgsql set search_path = '' as $$
begin
  if p_shadow then
    return nexscout.account_as_it_stands(p_user_id);
  end if;
  return nexscout.lock_account(p_user_id);
end
$$;
comment on function nexscout.account_for_call is 'The account of a call: locked, unless the call is a shadow, which takes nothing; null for an unknown user';

-- The requests that a call sends to providers, each noted before it is sent.

create or replace function public.ai_note_attempt(
  p_request_id uuid, p_ordinal integer, p_provider text, p_model text, p_cost_bound_usd text
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
begin
  -- The user first, as for every lock of ours.
  perform nexscout.pin_user((select user_id from public.ai_requests where id = p_request_id));
  select * into v_request from public.ai_requests where id = p_request_id for update;
  if not found then
    return jsonb_build_object('outcome', 'unknown_request'::nexscout.outcome);
  end if;
  if v_request.state = 'settled' then
    return jsonb_build_object('outcome', 'already_settled'::nexscout.outcome);
  end if;
  if v_request.state = 'released' then
    return jsonb_build_object('outcome', 'already_released'::nexscout.outcome);
  end if;
  if v_request.state = 'expired' or v_request.expires_at <= clock_timestamp() then
    return jsonb_build_object('outcome', 'expired'::nexscout.outcome);
  end if;
  insert into public.ai_usage_attempts (request_id, ordinal, user_id, provider, model, cost_bound_usd, created_at)
  values (p_request_id, p_ordinal, v_request.user_id, p_provider, p_model, p_cost_bound_usd::numeric, clock_timestamp())
  on conflict (request_id, ordinal) do nothing;
  return jsonb_build_object('outcome', 'noted'::nexscout.outcome);
end
$$;
comment on function public.ai_note_attempt is
  'Notes a further attempt before it is sent; only for a hold that still lives. For the service key only';

create or replace function nexscout.record_attempts(p_request public.ai_requests, p_attempts jsonb, p_at timestamptz)
returns void
language plpgsql set search_path = '' as $$
begin
  with named as (
    -- What was left open by whoever ends the call may be billed: the upper bound, as for a process that died.
    select x.*, x.state = 'intended' or x.cost_usd is null as open
    from jsonb_to_recordset(coalesce(p_attempts, '[]')) as x (
      ordinal integer, provider text, model text, state text, tokens_prompt integer, tokens_completion integer,
      tokens_cached integer, tokens_reasoning integer, cost_bound_usd numeric, cost_usd numeric, cost_estimated boolean,
      cost_method text, http_status integer, error_code text, provider_request_id text, latency_ms integer
    )
  ), never_sent as (
    -- The one who resolves knows what went out: an attempt that is not named was never sent.
    delete from public.ai_usage_attempts
    where request_id = p_request.id and state in ('intended', 'unknown')
      and ordinal not in (select ordinal from named)
  )
  insert into public.ai_usage_attempts (
    request_id, ordinal, user_id, provider, model, state, tokens_prompt, tokens_completion, tokens_cached,
    tokens_reasoning, cost_bound_usd, cost_usd, cost_estimated, cost_method, http_status, error_code,
    provider_request_id, latency_ms, created_at, finished_at
  )
  select p_request.id, ordinal, p_request.user_id, provider, model,
    case when state = 'intended' then 'unknown' else state end,
    coalesce(tokens_prompt, 0), coalesce(tokens_completion, 0), coalesce(tokens_cached, 0), coalesce(tokens_reasoning, 0),
    cost_bound_usd, case when open then cost_bound_usd else cost_usd end, open or coalesce(cost_estimated, false),
    case when open then 'upper_bound' else cost_method end, http_status, error_code, provider_request_id, latency_ms,
    p_at, p_at
  from named
  on conflict (request_id, ordinal) do update set
    provider = excluded.provider, model = excluded.model, state = excluded.state,
    tokens_prompt = excluded.tokens_prompt, tokens_completion = excluded.tokens_completion,
    tokens_cached = excluded.tokens_cached, tokens_reasoning = excluded.tokens_reasoning,
    cost_usd = excluded.cost_usd, cost_estimated = excluded.cost_estimated, cost_method = excluded.cost_method,
    http_status = excluded.http_status, error_code = excluded.error_code,
    provider_request_id = excluded.provider_request_id, latency_ms = excluded.latency_ms,
    finished_at = excluded.finished_at;
end
$$;
comment on function nexscout.record_attempts is
  'Fills in what happened to the attempts of a call; those noted but not named were never sent and go';

-- Days and months in the time zone of the policy.

create or replace function nexscout.day_of(p_at timestamptz) returns date
language sql stable set search_path = '' as $$
  select (p_at at time zone (select day_time_zone from public.ai_policy))::date
$$;
comment on function nexscout.day_of is 'The calendar day of an instant in the policy''s time zone';

create or replace function nexscout.month_start(p_at timestamptz) returns timestamptz
language sql stable set search_path = '' as $$
  select date_trunc('month', p_at at time zone day_time_zone) at time zone day_time_zone from public.ai_policy
$$;
comment on function nexscout.month_start is 'The first instant of the month of p_at in the policy''s time zone';

-- What every call asks is plpgsql, not sql: its plan is kept, and most servers plan a sql function anew at every call.
create or replace function nexscout.day_start(p_at timestamptz) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  return (select date_trunc('day', p_at at time zone day_time_zone) at time zone day_time_zone from public.ai_policy);
end
$$;
comment on function nexscout.day_start is 'The first instant of the day of p_at in the policy''s time zone';

-- What a delivered call takes from the account.

create or replace function nexscout.take_coins(p_request public.ai_requests, p_coins integer) returns integer
language plpgsql set search_path = '' as $$
declare
  v_balance integer := coalesce(
    (select coin_balance from public.profiles where id = p_request.user_id for update), 0);
  v_taken integer := least(p_coins, greatest(v_balance, 0));
begin
  if v_taken > 0 then
    update public.profiles set coin_balance = v_balance - v_taken where id = p_request.user_id;
    insert into public.coin_transactions (user_id, type, trigger, coins, balance_after, metadata)
    values (p_request.user_id, 'spend', p_request.action, -v_taken, v_balance - v_taken,
      jsonb_build_object('request_id', p_request.id));
  end if;
  return v_taken;
end
$$;
comment on function nexscout.take_coins is 'Takes coins from a profile, no more than there are, and writes the transaction; returns what was taken';

create or replace function nexscout.charge(p_request public.ai_requests, p_model_class text, p_account public.user_energy)
returns public.ai_requests
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests := p_request;
  v_group public.ai_charge_groups;
  -- Never more than the hold. The least of a null and the hold is the hold: a class without a price is not free.
  v_energy integer := least(p_request.energy_held, (p_request.class_energy ->> p_model_class)::integer);
  v_coins integer := least(p_request.coins_held, (p_request.class_coins ->> p_model_class)::integer);
begin
  if p_request.group_id is not null then
    select * into v_group from public.ai_charge_groups where id = p_request.group_id for update;
  end if;
  -- Never below zero, should somebody else have taken energy meanwhile.
  v_request.energy_charged := least(
    greatest(v_energy - coalesce(v_group.charged_energy, 0), 0), greatest(p_account.current_energy, 0));
  if v_request.energy_charged > 0 then
    perform nexscout.change_energy(p_request.user_id, -v_request.energy_charged, p_request.action, p_request.id);
  end if;
  v_coins := greatest(v_coins - coalesce(v_group.charged_coins, 0), 0);
  if v_coins > 0 then
    v_request.coins_charged := nexscout.take_coins(p_request, v_coins);
  end if;
  update public.ai_charge_groups g
  set charged_at = coalesce(g.charged_at, clock_timestamp()),
    charged_energy = greatest(g.charged_energy, v_energy),
    charged_coins = coalesce(g.charged_coins, 0) + v_coins
  where g.id = v_group.id;
  return v_request;
end
$$;
comment on function nexscout.charge is
  'Takes energy and coins of the class that was served from a locked account, in a group only what it has not paid yet; returns the request with what was charged';

-- The model that a call is admitted with: the first candidate that passes every gate.

create or replace function nexscout.refusal(p_outcome nexscout.outcome, p_detail jsonb) returns nexscout.choice
language plpgsql set search_path = '' as $$
declare
  v_choice nexscout.choice;
begin
  v_choice.refusal := p_outcome;
  v_choice.detail := p_detail;
  return v_choice;
end
$$;
comment on function nexscout.refusal is 'The choice of nothing: why a call is not admitted, and what its answer tells beside that';

create or replace function nexscout.downgrade_reason(
  p_first_class text, p_class text, p_tier public.ai_tiers, p_paid boolean, p_day_used boolean
) returns text
language plpgsql set search_path = '' as $$
begin
  return case
    when p_class = p_first_class then null
    when p_tier.premium_allowed is not true then 'tier'
    when p_paid then 'charge_group'
    when p_day_used then 'visitor_day'
    else 'energy'
  end;
end
$$;
comment on function nexscout.downgrade_reason is 'Why a call is admitted with another class than its first candidate''s; null where it is that one';

create or replace function nexscout.choose(
  p nexscout.reservation, p_account public.user_energy, p_tier public.ai_tiers, p_group public.ai_charge_groups
) returns nexscout.choice
language plpgsql set search_path = '' as $$
declare
  v_candidate record;
  -- A shadow is a call that needs no pay, as one of a group that has paid for everything.
  v_paid boolean := p.shadow or p_group.charged_at is not null;
  v_energy_free integer := p_account.current_energy - nexscout.energy_held(p.user_id, p_group.id);
  v_use nexscout.visitor_use := nexscout.visitor_use_of(p, clock_timestamp());
  v_cost_held_usd numeric := p.cost_bound_usd;
  v_first_class text;
  v_cheapest integer;
  v_cheapest_coins integer;
  -- The last gate that a candidate came to; the outcomes stand in the order of the gates.
  v_refusal nexscout.outcome := 'unknown_action';
begin
  for v_candidate in
    select c.value ->> 'model' as model, c.value ->> 'provider' as provider, pr.model_class,
      (c.value ->> 'cost_bound_usd')::numeric as cost_bound_usd, pr.energy * p.units as energy, pr.coins * p.units as coins
    from jsonb_array_elements(p.candidates) with ordinality c
    join public.ai_action_prices pr on pr.action = p.action and pr.model_class = c.value ->> 'model_class'
    order by c.ordinality
  loop
    v_first_class := coalesce(v_first_class, v_candidate.model_class);
    v_refusal := greatest(v_refusal, 'upgrade_required');
    continue when v_candidate.model_class = 'premium' and p_tier.premium_allowed is not true;

    v_refusal := greatest(v_refusal, 'insufficient_energy');
    -- What a group has paid for is the most that its further calls may use.
    continue when v_paid and v_candidate.energy > p_group.charged_energy;
    v_cheapest := least(v_cheapest, v_candidate.energy);
    continue when not v_paid and v_candidate.energy > v_energy_free;

    v_refusal := greatest(v_refusal, 'insufficient_coins');
    v_cheapest_coins := least(v_cheapest_coins, v_candidate.coins);
    continue when not v_paid and v_candidate.coins > 0 and v_candidate.coins > nexscout.coins_free(p.user_id, p_group.id);

    if p.visitor_session_id is not null then
      v_cost_held_usd := nexscout.cost_bound_within(p, v_candidate.energy);
      if not nexscout.visitor_may(v_use, v_candidate.model_class, v_candidate.energy, v_cost_held_usd) then
        v_refusal := 'visitor_cap_reached';
        continue;
      end if;
    end if;

    return row(
      null, null, v_candidate.model, v_candidate.provider, v_candidate.model_class,
      v_candidate.cost_bound_usd, v_cost_held_usd,
      case when v_paid then 0 else v_candidate.energy end, case when v_paid then 0 else v_candidate.coins end,
      nexscout.downgrade_reason(v_first_class, v_candidate.model_class, p_tier, v_paid,
        v_refusal = 'visitor_cap_reached'), p_group.id
    )::nexscout.choice;
  end loop;

  return nexscout.refusal(v_refusal, case v_refusal
    when 'upgrade_required' then jsonb_build_object('tier', p_tier.tier)
    when 'insufficient_energy' then
      jsonb_build_object('required_energy', v_cheapest, 'energy_available', greatest(v_energy_free, 0))
    when 'insufficient_coins' then jsonb_build_object(
      'required_coins', v_cheapest_coins, 'coins_available', greatest(nexscout.coins_free(p.user_id, p_group.id), 0))
  end);
end
$$;
comment on function nexscout.choose is
  'The first candidate whose class the tier allows and whose energy and coins are free, at the prices of now, and that fits into a visitor''s day; else the refusal of the last gate that one came to';

-- Calls of one transactionId share one charge.

create or replace function nexscout.calls_per_charge(p_action text) returns integer
language sql stable set search_path = '' as $$
  select coalesce(min(calls_per_charge), 1) from public.ai_action_prices where action = p_action
$$;
comment on function nexscout.calls_per_charge is 'How many calls of an action one charge pays for';

create or replace function nexscout.find_group(p nexscout.reservation, p_at timestamptz) returns public.ai_charge_groups
language plpgsql set search_path = '' as $$
declare
  v_group public.ai_charge_groups;
begin
  if p.group_key is null then
    return null;
  end if;
  select * into v_group from public.ai_charge_groups
  where user_id = p.user_id and action = p.action and group_key = p.group_key
  order by opened_at desc limit 1;
  if found
    and v_group.opened_at > p_at - make_interval(mins => (select charge_group_minutes from public.ai_policy))
    and nexscout.calls_per_charge(p.action)
      > (select count(*) from public.ai_requests where group_id = v_group.id and state in ('held', 'settled'))
    and (v_group.charged_at is null or exists (
      select 1 from jsonb_array_elements(p.candidates) c
      join public.ai_action_prices pr on pr.action = p.action and pr.model_class = c.value ->> 'model_class'
      where pr.energy * p.units <= v_group.charged_energy))
  then
    return v_group;
  end if;
  return null;
end
$$;
comment on function nexscout.find_group is
  'The open group that this call can still join: young, not full, and paid for a class that the call accepts; else null';

-- The hold of a call: energy, coins and USD that it can cost, bound until it ends or expires.

create or replace function nexscout.expire_holds(p_user_id uuid, p_at timestamptz) returns void
language plpgsql set search_path = '' as $$
begin
  -- Looked for first: an update that meets nothing costs several times as much.
  perform from public.ai_requests where user_id = p_user_id and state = 'held' and expires_at <= p_at;
  if found then
    update public.ai_requests set state = 'expired', resolved_at = p_at
    where user_id = p_user_id and state = 'held' and expires_at <= p_at;
  end if;
end
$$;
comment on function nexscout.expire_holds is 'Ends the holds of a locked account whose life is over; their energy is free from then on';

create or replace function nexscout.energy_held(
  p_user_id uuid, p_except_group uuid default null, p_except_request uuid default null
) returns integer
language plpgsql stable set search_path = '' as $$
begin
  return (select coalesce(sum(energy), 0) from (
    -- Calls of a group share one hold, less what the group has paid for.
    select case when r.group_id is null then sum(r.energy_held)
      else greatest(max(r.energy_held) - coalesce(max(g.charged_energy), 0), 0) end as energy
    from public.ai_requests r left join public.ai_charge_groups g on g.id = r.group_id
    where r.user_id = p_user_id and r.state = 'held'
      and (p_except_group is null or r.group_id is distinct from p_except_group)
      and (p_except_request is null or r.id <> p_except_request)
    group by r.group_id
  ) holds);
end
$$;
comment on function nexscout.energy_held is 'Energy bound by the open holds of an account (expire_holds first)';

create or replace function nexscout.coins_held(p_user_id uuid, p_except_group uuid default null) returns integer
language sql stable set search_path = '' as $$
  select coalesce(sum(coins), 0)::integer from (
    select case when r.group_id is null then sum(r.coins_held)
      else greatest(max(r.coins_held) - coalesce(max(g.charged_coins), 0), 0) end as coins
    from public.ai_requests r left join public.ai_charge_groups g on g.id = r.group_id
    where r.user_id = p_user_id and r.state = 'held' and r.coins_held > 0
      and (p_except_group is null or r.group_id is distinct from p_except_group)
    group by r.group_id
  ) holds
$$;
comment on function nexscout.coins_held is 'Coins bound by the open holds of an account';

create or replace function nexscout.coins_free(p_user_id uuid, p_except_group uuid) returns integer
language sql stable set search_path = '' as $$
  select coalesce((select coin_balance from public.profiles where id = p_user_id), 0)
    - nexscout.coins_held(p_user_id, p_except_group)
$$;
comment on function nexscout.coins_free is 'Coins that a call of the group may still hold';

create or replace function nexscout.reserved(p public.ai_requests, p_account public.user_energy) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return jsonb_build_object(
    'outcome', 'reserved'::nexscout.outcome,
    'request_id', p.id,
    'provider', p.provider,
    'model', p.model,
    'model_class', p.model_class,
    'downgrade_reason', p.downgrade_reason,
    'class_energy', p.class_energy,
    'energy_held', p.energy_held,
    'coins_held', p.coins_held,
    'tier', p_account.tier,
    'energy_available', greatest(p_account.current_energy - nexscout.energy_held(p.user_id), 0),
    'config_version', coalesce((select v.version from public.ai_config_versions v where v.user_id = p.user_id), 0)
  );
end
$$;
comment on function nexscout.reserved is 'The answer of an admitted call; energy_available is what is left beside all holds';

create or replace function nexscout.hold(
  p nexscout.reservation, p_choice nexscout.choice, p_at timestamptz
) returns public.ai_requests
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_group_id uuid := p_choice.group_id;
begin
  if v_group_id is null and p.group_key is not null and nexscout.calls_per_charge(p.action) > 1 then
    insert into public.ai_charge_groups (user_id, action, group_key, opened_at)
    values (p.user_id, p.action, p.group_key, p_at) returning id into v_group_id;
  end if;
  insert into public.ai_requests (
    id, user_id, workspace_id, function_name, action, units, provider, model, model_class, requested_model,
    downgrade_reason, prompt_version, prospect_id, class_energy, class_coins, energy_held, coins_held, cost_held_usd,
    idempotency_scope, idempotency_key, body_hash, group_id, visitor_session_id, visitor_address_hash,
    shadow, created_at, expires_at
  )
  select p.request_id, p.user_id, p.user_id, p.function_name, p.action, p.units, p_choice.provider, p_choice.model,
    p_choice.model_class, p.requested_model, p_choice.downgrade_reason, p.prompt_version, p.prospect_id,
    jsonb_object_agg(pr.model_class, pr.energy * p.units), jsonb_object_agg(pr.model_class, pr.coins * p.units),
    p_choice.energy, p_choice.coins, p_choice.cost_held_usd, coalesce(p.idempotency_scope, ''), p.idempotency_key, p.body_hash,
    v_group_id, p.visitor_session_id, p.visitor_address_hash, p.shadow, p_at, p_at + make_interval(secs => p.hold_seconds)
  from public.ai_action_prices pr where pr.action = p.action
  returning * into v_request;
  insert into public.ai_usage_attempts (request_id, ordinal, user_id, provider, model, cost_bound_usd, created_at)
  values (p.request_id, 1, p.user_id, p_choice.provider, p_choice.model, p_choice.cost_bound_usd, p_at);
  return v_request;
end
$$;
comment on function nexscout.hold is 'Writes the request with its hold, opens its group where there is none, and notes attempt 1';

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

-- The balance of a user is one row; every change of it is a ledger row, whoever makes it.

create or replace function nexscout.add_ledger_row(p_user_id uuid, p_before integer, p_after integer) returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.energy_transactions (user_id, type, reason, energy, balance_after, delta, request_id, created_at)
  values (
    p_user_id,
    case when p_after >= p_before then 'credit' else 'debit' end,
    coalesce(nullif(current_setting('nexscout.energy_reason', true), ''), 'external'),
    abs(p_after - p_before),
    p_after,
    p_after - p_before,
    nullif(current_setting('nexscout.energy_request_id', true), '')::uuid,
    clock_timestamp()
  );
end
$$;
comment on function nexscout.add_ledger_row is 'Writes down one change of a balance, under the reason that change_energy set';

-- Definer: the row is written whoever changes the balance, also where that role may not insert here.
create or replace function nexscout.record_energy_change() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and new.user_id = old.user_id then
    if new.current_energy <> old.current_energy then
      perform nexscout.add_ledger_row(new.user_id, old.current_energy, new.current_energy);
    end if;
    return null;
  end if;
  -- A balance that moves to another user leaves the one and comes to the other; a deleted user takes the ledger along.
  if tg_op <> 'INSERT' and exists (select 1 from auth.users u where u.id = old.user_id) then
    perform nexscout.add_ledger_row(old.user_id, old.current_energy, 0);
  end if;
  if tg_op <> 'DELETE' then
    perform nexscout.add_ledger_row(new.user_id, 0, new.current_energy);
  end if;
  return null;
end
$$;
comment on function nexscout.record_energy_change is 'Writes the ledger row of every change of a balance, whoever makes it';

create or replace function nexscout.change_energy(
  p_user_id uuid, p_delta integer, p_reason text, p_request_id uuid default null
) returns integer
language plpgsql set search_path = '' as $$
declare
  v_balance integer;
begin
  perform set_config('nexscout.energy_reason', p_reason, true);
  perform set_config('nexscout.energy_request_id', coalesce(p_request_id::text, ''), true);
  update public.user_energy
  set current_energy = current_energy + p_delta, updated_at = clock_timestamp()
  where user_id = p_user_id
  returning current_energy into v_balance;
  perform set_config('nexscout.energy_reason', '', true);
  perform set_config('nexscout.energy_request_id', '', true);
  return v_balance;
end
$$;
comment on function nexscout.change_energy is
  'Adds p_delta to a locked account under a reason that the ledger row carries; returns the new balance';

-- An account that is older than the ledger gets its opening row in the statement that begins to watch it, under a lock:
-- no balance changes between the two.
do $$
begin
  lock table public.user_energy in share row exclusive mode;

  insert into public.energy_transactions (user_id, type, reason, energy, balance_after, delta)
  select e.user_id, 'credit', 'opening', abs(e.current_energy), e.current_energy, e.current_energy
  from public.user_energy e
  where not exists (
    select 1 from public.energy_transactions t where t.user_id = e.user_id and t.delta is not null
  );

  create or replace trigger record_energy_change after insert or update or delete on public.user_energy
  for each row execute function nexscout.record_energy_change();
end
$$;

-- Prices, tiers and limits are shown to signed-in users, caps to the one they bind, requests to the one who pays.

drop policy if exists "Signed-in users read the policy" on public.ai_policy;
create policy "Signed-in users read the policy" on public.ai_policy
  for select to authenticated using ((select auth.uid()) is not null);

drop policy if exists "Signed-in users read tiers" on public.ai_tiers;
create policy "Signed-in users read tiers" on public.ai_tiers
  for select to authenticated using ((select auth.uid()) is not null);

drop policy if exists "Signed-in users read prices" on public.ai_action_prices;
create policy "Signed-in users read prices" on public.ai_action_prices
  for select to authenticated using ((select auth.uid()) is not null);

drop policy if exists "Users read their own caps" on public.ai_spend_caps;
create policy "Users read their own caps" on public.ai_spend_caps
  for select to authenticated using (subject_id = (select auth.uid()));

drop policy if exists "Users read their own requests" on public.ai_requests;
create policy "Users read their own requests" on public.ai_requests
  for select to authenticated using (user_id = (select auth.uid()));

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

-- The only way into a call: one transaction that decides and holds.

create or replace function nexscout.read_reservation(p_request text) returns nexscout.reservation
language plpgsql set search_path = '' as $$
declare
  p nexscout.reservation := jsonb_populate_record(null::nexscout.reservation, p_request::jsonb);
begin
  p.units := coalesce(p.units, 1);
  p.shadow := coalesce(p.shadow, false);
  if p.shadow then
    -- The key, the group and the visitor's share are those of the call that another function answers.
    p.idempotency_key := null;
    p.group_key := null;
    p.visitor_session_id := null;
    p.visitor_address_hash := null;
  end if;
  -- Written so that a null and a NaN are refused too.
  if (
    p.request_id is not null and p.user_id is not null and p.function_name is not null and p.action is not null
    and p.units between 1 and 100000 and p.hold_seconds between 1 and 86400
    and p.cost_bound_usd between 0 and 1000000 and jsonb_array_length(p.candidates) > 0
  ) is not true then
    raise exception 'ai_reserve: a field is missing or out of range' using errcode = 'invalid_parameter_value';
  end if;
  return p;
end
$$;
comment on function nexscout.read_reservation is 'The argument of ai_reserve; raises invalid_parameter_value for what no caller of ours sends';

create or replace function nexscout.admit(
  p nexscout.reservation, p_account public.user_energy, p_tier public.ai_tiers, p_at timestamptz
) returns nexscout.choice
language plpgsql set search_path = '' as $$
declare
  v_choice nexscout.choice;
  v_wait integer;
begin
  if coalesce(p.paid_tiers_only, false) and p_tier.paid is not true then
    return nexscout.refusal('upgrade_required', jsonb_build_object('tier', p_tier.tier));
  end if;
  v_choice := nexscout.choose(p, p_account, p_tier, nexscout.find_group(p, p_at));
  if v_choice.refusal is not null then
    return v_choice;
  end if;
  if nexscout.spend_cap_reached(p, p_tier, p_at) then
    return nexscout.refusal('spend_cap_reached', '{}');
  end if;
  v_wait := nexscout.rate_limit_wait(p, p_tier, p_at);
  if v_wait > 0 then
    return nexscout.refusal('rate_limited', jsonb_build_object('retry_after_seconds', v_wait));
  end if;
  return v_choice;
end
$$;
comment on function nexscout.admit is 'The choice that a call is admitted with, or its refusal, in the order tier, energy, coins, visitors'' day, caps, limits';

create or replace function nexscout.refuse(
  p nexscout.reservation, p_tier public.ai_tiers, p_outcome nexscout.outcome, p_detail jsonb
) returns jsonb
language plpgsql set search_path = '' as $$
begin
  -- A flood must not grow a table: a user's refusals are written down as often as he may call, the call too many not at all.
  if p_outcome not in ('unknown_action', 'rate_limited') then
    insert into public.ai_usage_logs (
      request_id, user_id, workspace_id, prospect_id, function_name, action, requested_model, prompt_version,
      success, error_code, shadow
    )
    select p.request_id, p.user_id, p.user_id, p.prospect_id, p.function_name, p.action, p.requested_model,
      p.prompt_version, false, p_outcome::text, p.shadow
    where (
      select count(*) from (
        select from public.ai_usage_logs
        where user_id = p.user_id and shadow = p.shadow and created_at > clock_timestamp() - interval '1 minute'
        limit p_tier.calls_per_minute
      ) recent
    ) < p_tier.calls_per_minute
    on conflict (request_id) do nothing;
  end if;
  return jsonb_build_object('outcome', p_outcome) || coalesce(p_detail, '{}');
end
$$;
comment on function nexscout.refuse is 'The answer of a call that is not admitted, with its usage row';

-- Text, not jsonb: gateways re-encode a jsonb argument in different ways, and a text arrives as it was written.
create or replace function public.ai_reserve(p_request text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  p nexscout.reservation := nexscout.read_reservation(p_request);
  v_account public.user_energy := nexscout.account_for_call(p.user_id, p.shadow);
  v_now timestamptz;
  v_earlier jsonb;
  v_tier public.ai_tiers;
  v_choice nexscout.choice;
  v_request public.ai_requests;
begin
  if v_account.user_id is null then
    return jsonb_build_object('outcome', 'unknown_account'::nexscout.outcome);
  end if;
  -- After the lock: a wait for it must not make a hold look alive that has ended meanwhile.
  v_now := clock_timestamp();
  if not p.shadow then
    perform nexscout.expire_holds(p.user_id, v_now);
  end if;
  v_earlier := nexscout.earlier_answer(p, v_account, v_now);
  if v_earlier is not null then
    return v_earlier;
  end if;
  -- The lock brought the account's tier in step with the profile.
  select * into v_tier from public.ai_tiers where tier = v_account.tier;
  v_choice := nexscout.admit(p, v_account, v_tier, v_now);
  if v_choice.refusal is not null then
    return nexscout.refuse(p, v_tier, v_choice.refusal, v_choice.detail);
  end if;
  -- A statement of its own: a stable function does not see what the statement around it writes.
  v_request := nexscout.hold(p, v_choice, v_now);
  return nexscout.reserved(v_request, v_account);
end
$$;
comment on function public.ai_reserve is
  'Takes a nexscout.reservation as JSON. Admits a call or says why not, in the order idempotency, tier, energy, caps, limits; holds the energy, coins and USD that it can cost and notes attempt 1. A shadow meets the tier and the shadows'' own cap alone, and holds USD alone. For the service key only';

-- The ends of a call. A hold resolves once; whoever comes second is told how.

create or replace function nexscout.store_rows(p_request public.ai_requests, p_result jsonb, p_cost_usd numeric) returns text
language plpgsql set search_path = '' as $$
begin
  if jsonb_typeof(p_result -> 'generation') = 'object' then
    insert into public.ai_generations (
      id, user_id, prospect_id, generation_type, input_data, prompt_hash, output_text, output_data, model_used,
      tokens_used, cost_usd
    ) select g.id, p_request.user_id,
      (select pr.id from public.prospects pr where pr.id = p_request.prospect_id and pr.user_id = p_request.user_id),
      g.generation_type, coalesce(g.input_data, '{}'), p_request.prompt_version, g.output_text,
      coalesce(g.output_data, '{}'), g.model_used, g.tokens_used, p_cost_usd
    from jsonb_to_record(p_result -> 'generation') as g (
      id uuid, generation_type text, input_data jsonb, output_text text, output_data jsonb, model_used text,
      tokens_used integer
    );
  end if;
  if jsonb_typeof(p_result -> 'chat') = 'object' then
    perform nexscout.store_chat_answer(p_request.user_id, p_result -> 'chat', p_result ->> 'model');
  end if;
  if jsonb_typeof(p_result -> 'assistant') = 'object' then
    perform nexscout.store_assistant_turn(p_request.user_id, p_result -> 'assistant');
  end if;
  if jsonb_typeof(p_result -> 'scan') = 'object' then
    perform nexscout.store_scan_block(p_request.user_id,
      (p_result -> 'scan') || jsonb_build_object('energy', p_request.energy_charged, 'cost_usd', p_cost_usd),
      p_result ->> 'model');
  end if;
  return null;
exception when others then
  -- A trigger or constraint of the app refused its row: the money stands, and the refusal is recorded and told.
  return sqlstate;
end
$$;
comment on function nexscout.store_rows is
  'Writes the feature''s own rows in a block of their own; returns null, or the SQLSTATE with which the database refused them';

create or replace function nexscout.reply_with_figures(p_reply jsonb, p_consumed integer, p_remaining integer, p_stored boolean)
returns jsonb
language sql immutable set search_path = '' as $$
  select p_reply
    || case when p_reply ? 'meta' then jsonb_build_object('meta',
         (p_reply -> 'meta') || jsonb_build_object('energyConsumed', p_consumed, 'energyRemaining', p_remaining))
       else '{}' end
    || case when p_reply ? 'generationId' and not p_stored then '{"generationId": null}'::jsonb else '{}' end
    || case when p_reply ? 'conversationId' and not p_stored then '{"conversationId": null}'::jsonb else '{}' end
$$;
comment on function nexscout.reply_with_figures is
  'The reply as the caller gets it: with the energy figures that only the settlement knows, and naming no row that was refused';

create or replace function nexscout.resolved_before(p_request public.ai_requests, p_account public.user_energy) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'outcome', ('already_' || p_request.state)::nexscout.outcome,
    'energy_charged', p_request.energy_charged, 'coins_charged', p_request.coins_charged,
    'energy_available', greatest(p_account.current_energy - nexscout.energy_held(p_request.user_id), 0),
    'reply', p_request.reply, 'cost_usd', p_request.cost_usd::text, 'storage_error', p_request.storage_error)
$$;
comment on function nexscout.resolved_before is 'How a hold was resolved, for whoever comes second';

create or replace function nexscout.record_late(p_request public.ai_requests, p_account public.user_energy, p_result jsonb,
  p_at timestamptz) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_cost numeric := nexscout.write_usage(p_request, false, 'abandoned', p_result);
begin
  update public.ai_requests set cost_usd = v_cost, swept_at = coalesce(swept_at, p_at) where id = p_request.id;
  return jsonb_build_object('outcome', 'expired'::nexscout.outcome, 'energy_charged', 0, 'coins_charged', 0,
    'energy_available', greatest(p_account.current_energy - nexscout.energy_held(p_request.user_id), 0),
    'cost_usd', v_cost::text);
end
$$;
comment on function nexscout.record_late is 'Writes tokens and USD of a call that came back after its hold had ended; no energy is charged';

create or replace function nexscout.write_resolution(
  p_request public.ai_requests, p_result jsonb, p_delivered boolean, p_available integer, p_at timestamptz
) returns void
language plpgsql set search_path = '' as $$
declare
  -- A stream that the client left is delivered but must never be replayed as a whole reply: its key is given up.
  v_replayable boolean := coalesce((p_result ->> 'replayable')::boolean, true);
  v_keeps_reply boolean := p_delivered and v_replayable and p_request.idempotency_key is not null;
begin
  update public.ai_requests r set
    state = case when p_delivered then 'settled' else 'released' end,
    provider = coalesce(p_result ->> 'provider', r.provider),
    model = coalesce(p_result ->> 'model', r.model),
    model_class = coalesce(p_result ->> 'model_class', r.model_class),
    energy_charged = p_request.energy_charged,
    coins_charged = p_request.coins_charged,
    cost_usd = p_request.cost_usd,
    storage_error = p_request.storage_error,
    idempotency_key = case when v_replayable then r.idempotency_key end,
    reply = case when v_keeps_reply then
      nexscout.reply_with_figures(p_result -> 'reply', p_request.energy_charged, p_available, p_request.storage_error is null) end,
    reply_status = case when v_keeps_reply then coalesce((p_result ->> 'reply_status')::integer, 200) end,
    resolved_at = p_at
  where r.id = p_request.id;
end
$$;
comment on function nexscout.write_resolution is 'Writes how a hold ended into its request, with the reply where that may be replayed';

create or replace function nexscout.end_hold(
  p_request public.ai_requests, p_account public.user_energy, p_result jsonb, p_delivered boolean, p_at timestamptz
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests := p_request;
  v_available integer;
begin
  if p_delivered then
    v_request := nexscout.charge(v_request, coalesce(p_result ->> 'model_class', v_request.model_class), p_account);
  end if;
  v_request.cost_usd := nexscout.write_usage(v_request, p_delivered, p_result ->> 'error_code', p_result);
  if not v_request.shadow then
    v_request.storage_error := nexscout.store_rows(v_request, p_result, v_request.cost_usd);
  end if;
  v_available := greatest(p_account.current_energy - v_request.energy_charged
    - nexscout.energy_held(v_request.user_id, null, v_request.id), 0);
  perform nexscout.write_resolution(v_request, p_result, p_delivered, v_available, p_at);
  return jsonb_build_object(
    'outcome', (case when p_delivered then 'settled' else 'released' end)::nexscout.outcome,
    'energy_charged', v_request.energy_charged, 'coins_charged', v_request.coins_charged,
    'energy_available', v_available, 'cost_usd', v_request.cost_usd::text, 'storage_error', v_request.storage_error);
end
$$;
comment on function nexscout.end_hold is
  'Charges a delivered call, or gives all back; writes its usage, its feature''s rows and its end. Account and request must be locked';

create or replace function nexscout.resolve(p_request_id uuid, p_result jsonb, p_delivered boolean) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_account public.user_energy;
  v_now timestamptz;
begin
  select user_id, shadow into v_request.user_id, v_request.shadow from public.ai_requests where id = p_request_id;
  -- Always the user, the account, then the request: one order of locks, no deadlock.
  if found then
    v_account := nexscout.account_for_call(v_request.user_id, v_request.shadow);
  end if;
  if v_account.user_id is null then
    return jsonb_build_object('outcome', 'unknown_request'::nexscout.outcome);
  end if;
  v_now := clock_timestamp();
  if not v_request.shadow then
    perform nexscout.expire_holds(v_account.user_id, v_now);
  end if;
  select * into v_request from public.ai_requests where id = p_request_id for update;
  if v_request.state in ('settled', 'released') then
    return nexscout.resolved_before(v_request, v_account);
  end if;
  perform nexscout.record_attempts(v_request, p_result -> 'attempts', v_now);
  if v_request.state = 'expired' then
    return nexscout.record_late(v_request, v_account, p_result, v_now);
  end if;
  return nexscout.end_hold(v_request, v_account, p_result, p_delivered, v_now);
end
$$;
comment on function nexscout.resolve is 'Ends a hold once: delivered calls are charged, the others give all back; what was sent is recorded either way';

create or replace function public.ai_settle(p_request_id uuid, p_result text) returns jsonb
language sql set search_path = '' as $$
  select nexscout.resolve(p_request_id, p_result::jsonb, true)
$$;
comment on function public.ai_settle is
  'Charges a delivered call what it cost, never more than its hold, and records attempts, usage, reply and feature rows. For the service key only';

create or replace function public.ai_release(p_request_id uuid, p_result text) returns jsonb
language sql set search_path = '' as $$
  select nexscout.resolve(p_request_id, p_result::jsonb, false)
$$;
comment on function public.ai_release is
  'Gives back all that a call held; its attempts and its failure are recorded all the same. For the service key only';

-- Caps in USD: a user's and a workspace's for the month, all shadow calls' for the day.

create or replace function nexscout.shadow_cap_reached(p nexscout.reservation, p_at timestamptz) returns boolean
language plpgsql set search_path = '' as $$
begin
  -- One at a time: two that looked at the same sum would both fit into it.
  perform pg_advisory_xact_lock(hashtextextended('nexscout.shadow', 0));
  return p.cost_bound_usd
    + (select coalesce(sum(coalesce(cost_usd, cost_held_usd)), 0)
       from public.ai_requests where shadow and created_at >= nexscout.day_start(p_at))
    > (select shadow_cost_usd_per_day from public.ai_policy);
end
$$;
comment on function nexscout.shadow_cap_reached is
  'True when what all shadow calls of the day spent and hold, plus this call''s bound, exceeds what they may';

create or replace function nexscout.spend_cap_reached(p nexscout.reservation, p_tier public.ai_tiers, p_at timestamptz)
returns boolean
language plpgsql set search_path = '' as $$
declare
  v_user_cap numeric := coalesce(
    (select monthly_cost_usd from public.ai_spend_caps where scope = 'user' and subject_id = p.user_id),
    p_tier.monthly_cost_cap_usd);
  v_workspace_cap numeric :=
    (select monthly_cost_usd from public.ai_spend_caps where scope = 'workspace' and subject_id = p.user_id);
  v_own numeric;
  v_all numeric;
begin
  if p.shadow then
    return nexscout.shadow_cap_reached(p, p_at);
  end if;
  if v_user_cap is null and v_workspace_cap is null then
    return false;
  end if;
  -- What is open or not yet swept counts with all that it may cost.
  select coalesce(sum(coalesce(cost_usd, cost_held_usd)) filter (where visitor_session_id is null), 0),
         coalesce(sum(coalesce(cost_usd, cost_held_usd)), 0)
  into v_own, v_all
  from public.ai_requests where workspace_id = p.user_id and not shadow and created_at >= nexscout.month_start(p_at);
  return coalesce(p.visitor_session_id is null and v_own + p.cost_bound_usd > v_user_cap, false)
    or coalesce(v_all + p.cost_bound_usd > v_workspace_cap, false);
end
$$;
comment on function nexscout.spend_cap_reached is
  'True when spent plus held plus this call''s bound exceeds a monthly cap in USD, or for a shadow the day''s';

-- Book-keeping for calls that never came back. Safety does not hang on it: expired holds bind nothing by themselves.

create or replace function nexscout.close_abandoned(p_request_id uuid, p_user_id uuid) returns boolean
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests;
  v_cost numeric;
begin
  perform nexscout.lock_account(p_user_id);
  perform nexscout.expire_holds(p_user_id, clock_timestamp());
  select * into v_request from public.ai_requests where id = p_request_id for update;
  if v_request.state is distinct from 'expired' or v_request.swept_at is not null then
    return false;
  end if;
  update public.ai_usage_attempts
  set state = 'unknown', cost_usd = cost_bound_usd, cost_estimated = true, cost_method = 'upper_bound',
    error_code = 'abandoned', finished_at = clock_timestamp()
  where request_id = p_request_id and state = 'intended';
  v_cost := nexscout.write_usage(v_request, false, 'abandoned', '{}');
  update public.ai_requests set cost_usd = v_cost, swept_at = clock_timestamp() where id = p_request_id;
  return true;
end
$$;
comment on function nexscout.close_abandoned is
  'Records an expired call: open attempts become unknown at their upper bound, the usage row says abandoned';

create or replace function nexscout.refill_due(p_user_id uuid) returns boolean
language sql set search_path = '' as $$
  select (nexscout.lock_account(p_user_id)).user_id is not null
$$;
comment on function nexscout.refill_due is 'Refills an account whose day began; locking it is all that it takes';

create or replace function nexscout.take_if_free(p_user_id uuid) returns boolean
language plpgsql set search_path = '' as $$
begin
  if not nexscout.pin_user(p_user_id, false) then
    return false;
  end if;
  perform from public.user_energy where user_id = p_user_id for update skip locked;
  return found or not exists (select from public.user_energy where user_id = p_user_id);
end
$$;
comment on function nexscout.take_if_free is
  'Locks an account that no call has locked. A busy one ends its holds by itself, and its rows are written by the next sweep';

create or replace function nexscout.sweep_requests(p_limit integer, out done integer, out failed integer)
language plpgsql set search_path = '' as $$
declare
  v_item record;
begin
  done := 0;
  failed := 0;
  -- Accounts in one order, so that a sweep cannot lock itself against another transaction.
  for v_item in
    select id, user_id from public.ai_requests
    where (state = 'held' and expires_at <= clock_timestamp()) or (state = 'expired' and swept_at is null)
    order by user_id, id limit p_limit
  loop
    begin
      continue when not nexscout.take_if_free(v_item.user_id);
      done := done + nexscout.close_abandoned(v_item.id, v_item.user_id)::integer;
    exception when others then
      -- One account whose rows are refused must not keep all the others from being closed.
      failed := failed + 1;
      raise warning 'ai_sweep: request % is not closed: %', v_item.id, sqlstate;
    end;
  end loop;
end
$$;
comment on function nexscout.sweep_requests is 'Closes abandoned calls, each for itself; tells how many were closed and how many could not be';

create or replace function nexscout.sweep_accounts(p_limit integer, out done integer, out failed integer)
language plpgsql set search_path = '' as $$
declare
  v_item record;
begin
  done := 0;
  failed := 0;
  for v_item in
    select user_id from public.user_energy
    where last_reset is null or last_reset < nexscout.day_start(clock_timestamp())
    order by user_id limit p_limit
  loop
    begin
      continue when not nexscout.take_if_free(v_item.user_id);
      done := done + nexscout.refill_due(v_item.user_id)::integer;
    exception when others then
      failed := failed + 1;
      raise warning 'ai_sweep: account % is not refilled: %', v_item.user_id, sqlstate;
    end;
  end loop;
end
$$;
comment on function nexscout.sweep_accounts is 'Refills accounts whose day began, each for itself; a client that sees 0 may never call';

create or replace function nexscout.erase_replies(p_limit integer) returns integer
language plpgsql set search_path = '' as $$
declare
  v_erased integer;
begin
  update public.ai_requests set reply = null, idempotency_key = null
  where id in (
    select id from public.ai_requests
    where (reply is not null or idempotency_key is not null)
      and resolved_at < clock_timestamp()
        - make_interval(hours => (select reply_retention_hours from public.ai_policy))
    limit p_limit for update skip locked);
  get diagnostics v_erased = row_count;
  return v_erased;
end
$$;
comment on function nexscout.erase_replies is 'Erases stored replies and keys past their time; returns how many';

create or replace function nexscout.erase_jobs(p_limit integer) returns integer
language plpgsql set search_path = '' as $$
declare
  v_erased integer;
begin
  update public.ai_jobs set body = null, reply = null, idempotency_key = null
  where id in (
    select id from public.ai_jobs
    where body is not null and finished_at < clock_timestamp()
        - make_interval(hours => (select reply_retention_hours from public.ai_policy))
    limit p_limit for update skip locked);
  get diagnostics v_erased = row_count;
  return v_erased;
end
$$;
comment on function nexscout.erase_jobs is 'Erases what was asked and answered by jobs past their time; returns how many';

create or replace function nexscout.watched_figures() returns jsonb
language sql set search_path = '' as $$
  select jsonb_build_object(
    'overdue', (
      select count(*) from public.ai_requests
      where state = 'held' and expires_at <= clock_timestamp() - interval '5 minutes'),
    -- As text: a JSON number is a float to most who read it.
    'spent_usd', (
      select coalesce(sum(cost_usd), 0)::text from public.ai_usage_attempts
      where created_at > clock_timestamp() - interval '1 hour'))
$$;
comment on function nexscout.watched_figures is
  'What alarms are set on: holds that sweeps have left open five minutes past their life, and the USD of the last hour''s attempts';

create or replace function public.ai_sweep(p_limit integer default 500) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_requests record;
  v_accounts record;
  v_scans record;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('nexscout.ai_sweep', 0)) then
    return jsonb_build_object('expired', 0, 'refilled', 0, 'scans', 0, 'erased', 0, 'failed', 0, 'running', true)
      || nexscout.watched_figures();
  end if;
  v_requests := nexscout.sweep_requests(p_limit);
  v_accounts := nexscout.sweep_accounts(p_limit);
  v_scans := nexscout.sweep_scans(p_limit);
  return jsonb_build_object(
    'expired', v_requests.done,
    'refilled', v_accounts.done,
    'scans', v_scans.done,
    'erased', nexscout.erase_replies(p_limit) + nexscout.erase_jobs(p_limit),
    'failed', v_requests.failed + v_accounts.failed + v_scans.failed,
    'running', false) || nexscout.watched_figures();
end
$$;
comment on function public.ai_sweep is
  'Closes abandoned calls, refills accounts whose day began, fails scans whose input never came to its end and erases stored replies past their time, at most p_limit of each; tells what alarms are set on. For the service key only';

-- What anonymous visitors may use of a workspace in a day.

create or replace function nexscout.visitor_use_of(p nexscout.reservation, p_at timestamptz) returns nexscout.visitor_use
language plpgsql set search_path = '' as $$
declare
  v_use nexscout.visitor_use;
begin
  if p.visitor_session_id is null then
    return null;
  end if;
  select coalesce(sum(u.energy), 0), coalesce(sum(u.cost_usd), 0),
    coalesce(sum(u.energy) filter (where u.visitor_session_id = p.visitor_session_id), 0),
    coalesce(sum(u.energy) filter (where u.visitor_address_hash = p.visitor_address_hash), 0),
    coalesce(sum(u.cost_usd) filter (where u.visitor_address_hash = p.visitor_address_hash), 0)
  into v_use
  from (
    select case when state = 'held' then energy_held else energy_charged end as energy,
      coalesce(cost_usd, cost_held_usd) as cost_usd, visitor_session_id, visitor_address_hash
    from public.ai_requests
    where workspace_id = p.user_id and visitor_session_id is not null and created_at >= nexscout.day_start(p_at)
  ) u;
  return v_use;
end
$$;
comment on function nexscout.visitor_use_of is 'The use of the day so far that a visitor''s call is measured by; null for a user''s own';

create or replace function nexscout.visitor_may(
  p_use nexscout.visitor_use, p_model_class text, p_energy integer, p_cost_bound_usd numeric
) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return (
    select p_use.energy + p_energy <= y.visitor_energy_per_day
      and p_use.cost_usd + p_cost_bound_usd <= y.visitor_cost_usd_per_day
      and p_use.session_energy + p_energy <= y.visitor_session_energy_per_day
      and p_use.address_energy + p_energy <= y.visitor_address_energy_per_day
      and p_use.address_cost_usd + p_cost_bound_usd <= y.visitor_address_cost_usd_per_day
      and (p_model_class <> 'premium' or p_use.energy + p_energy <= y.visitor_premium_energy_per_day)
    from public.ai_policy y);
end
$$;
comment on function nexscout.visitor_may is
  'Whether a call of a class fits into what is left of the day: the workspace''s, the session''s, the address''s, the class''s';

create or replace function nexscout.cost_bound_within(p nexscout.reservation, p_energy integer) returns numeric
language plpgsql stable set search_path = '' as $$
begin
  -- A failing call goes on to models of no more energy than it holds: a standard one never to a premium one.
  return (
    select p.cost_bound_usd * coalesce(
      max((c.value ->> 'cost_bound_usd')::numeric) filter (where pr.energy * p.units <= p_energy)
        / nullif(max((c.value ->> 'cost_bound_usd')::numeric), 0), 1)
    from jsonb_array_elements(p.candidates) c
    join public.ai_action_prices pr on pr.action = p.action and pr.model_class = c.value ->> 'model_class');
end
$$;
comment on function nexscout.cost_bound_within is
  'The most that all attempts of a call can cost when it holds so much energy; for calls that name no model';

-- A block becomes items and prospects once, whoever brings it first.

create or replace function nexscout.count_scan_block(p_job public.scan_jobs, p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs;
begin
  update public.scan_jobs j set
    blocks_done = j.blocks_done + 1, items = p_job.items, merged = p_job.merged,
    hot = p_job.hot, warm = p_job.warm, cold = p_job.cold,
    by_rules = j.by_rules + (p ->> 'scored_by' = 'rules')::integer,
    partial_reason = coalesce(p ->> 'partial_reason', j.partial_reason),
    dropped_values = j.dropped_values + coalesce((p ->> 'dropped')::integer, 0),
    energy_charged = j.energy_charged + coalesce((p ->> 'energy')::integer, 0),
    cost_usd = j.cost_usd + coalesce((p ->> 'cost_usd')::numeric, 0), updated_at = clock_timestamp()
  where j.scan_id = p_job.scan_id returning * into v_job;
  update public.scans set total_items = v_job.items, hot_leads = v_job.hot, warm_leads = v_job.warm, cold_leads = v_job.cold
  where id = v_job.scan_id;
  perform nexscout.report_progress(v_job.scan_id, 'scoring', 45 + 30 * v_job.blocks_done / v_job.blocks_total,
    format('%s people scored.', v_job.items));
end
$$;
comment on function nexscout.count_scan_block is 'Adds a stored block to the figures of its scan and tells pollers';

create or replace function nexscout.store_scan_block(p_user_id uuid, p jsonb, p_model text) returns nexscout.outcome
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans := nexscout.lock_scan((p ->> 'scan_id')::uuid, p_user_id);
  v_job public.scan_jobs;
begin
  select * into v_job from public.scan_jobs where scan_id = v_scan.id and user_id = p_user_id for update;
  if v_job.state in ('queued', 'running') then
    update public.scan_blocks set state = 'done', records = null, scored_by = p ->> 'scored_by', model = p_model
    where scan_id = v_scan.id and ordinal = (p ->> 'ordinal')::integer and state = 'open';
    if found then
      perform nexscout.count_scan_block(nexscout.store_scan_items(v_job, p), p);
      return 'stored';
    end if;
  end if;
  -- Charged and of no use: the block was done by another, the scan has failed, or its owner deleted it meanwhile.
  if (p ->> 'energy')::integer > 0 then
    perform nexscout.change_energy(p_user_id, (p ->> 'energy')::integer, 'scan_refund');
  end if;
  return case
    when v_job.state = 'failed' then 'failed'
    when exists (select from public.scan_blocks where scan_id = v_job.scan_id and ordinal = (p ->> 'ordinal')::integer)
      then case v_job.state when 'accepting' then 'lease_lost' else 'already_stored' end
    else 'scan_not_found'
  end;
end
$$;
comment on function nexscout.store_scan_block is
  'Stores what was found in a block, once, whoever brings it first; the account row must be locked. p: scan_id, ordinal, scored_by, items, dropped, partial_reason, and the energy and cost_usd of the call; energy that bought nothing goes back';

create or replace function nexscout.count_paid_block(p_call public.ai_requests, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  if p ->> 'scored_by' = 'rules' then
    perform nexscout.change_energy(p_call.user_id, p_call.energy_charged, 'scan_refund');
  else
    update public.scan_jobs set energy_charged = energy_charged + p_call.energy_charged, cost_usd = cost_usd + p_call.cost_usd
    where scan_id = (p ->> 'scan_id')::uuid;
  end if;
end
$$;
comment on function nexscout.count_paid_block is
  'What a call was charged whose rows were refused: for its block where that is stored after all, else given back, as the rules cost nothing';

create or replace function public.scan_store_block(p_user_id uuid, p_block text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_block jsonb := p_block::jsonb - '{energy,cost_usd}'::text[];
  v_call public.ai_requests;
  v_outcome nexscout.outcome;
begin
  perform nexscout.lock_account(p_user_id);
  select * into v_call from public.ai_requests
  where user_id = p_user_id and idempotency_scope = '' and state in ('held', 'settled')
    and idempotency_key = format('scan:%s:%s', v_block ->> 'scan_id', v_block ->> 'ordinal');
  -- A call that may still bring the block holds energy for it: its answer goes first.
  if v_call.state = 'held' and v_call.expires_at > clock_timestamp() then
    return jsonb_build_object('outcome', 'in_progress'::nexscout.outcome);
  end if;
  v_outcome := nexscout.store_scan_block(p_user_id, v_block, case v_block ->> 'scored_by' when 'model' then v_call.model end);
  if v_outcome = 'stored' and v_call.energy_charged > 0 then
    perform nexscout.count_paid_block(v_call, v_block);
  end if;
  return jsonb_build_object('outcome', v_outcome);
end
$$;
comment on function public.scan_store_block is
  'Stores a block that no call stands behind: scored by rules, or brought again after its rows had been refused. For the service key only';

-- A worker leases a scan and takes its open blocks.

create or replace function nexscout.is_claimable(p_job public.scan_jobs) returns boolean
language sql volatile set search_path = '' as $$
  select p_job.state = 'queued' or (p_job.state = 'running' and p_job.lease_until <= clock_timestamp())
$$;
comment on function nexscout.is_claimable is 'Whether nobody works on a scan that waits for a worker';

create or replace function nexscout.claim_scan(p_scan_id uuid, p_lease_seconds integer, p_most_tries integer)
returns public.scan_jobs
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans;
  v_job public.scan_jobs;
begin
  -- Nothing here waits, so that several scans may be locked one after another.
  select * into v_scan from public.scans where id = p_scan_id for no key update skip locked;
  select * into v_job from public.scan_jobs where scan_id = v_scan.id for update skip locked;
  if not coalesce(nexscout.is_claimable(v_job), false) then
    return null;
  end if;
  if v_job.tries >= p_most_tries and v_job.blocks_done = v_job.blocks_at_claim then
    if nexscout.take_if_free(v_job.user_id) then
      perform nexscout.fail_scan(v_scan, 'scan_failed', 'The scan could not be completed. Please try again.');
      v_job.state := 'failed';
      return v_job;
    end if;
    return null;
  end if;
  update public.scan_jobs j set state = 'running', lease = j.lease + 1, lease_seconds = p_lease_seconds,
    lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds), sends = 0,
    tries = case when j.blocks_done > j.blocks_at_claim then 1 else j.tries + 1 end,
    blocks_at_claim = j.blocks_done, updated_at = clock_timestamp()
  where j.scan_id = p_scan_id returning * into v_job;
  perform nexscout.report_progress(p_scan_id, 'scoring', 45, 'Scoring the people found.');
  return v_job;
end
$$;
comment on function nexscout.claim_scan is
  'Leases a scan that nobody works on, or fails one whose tries are used up; null when there is nothing to do now';

create or replace function public.scan_claim(p_scan_id uuid, p_lease_seconds integer, p_most_tries integer)
returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs := nexscout.claim_scan(p_scan_id, p_lease_seconds, p_most_tries);
begin
  if v_job.state is distinct from 'running' then
    return jsonb_build_object('outcome', coalesce(v_job.state, 'in_progress')::nexscout.outcome);
  end if;
  return jsonb_build_object('outcome', 'running'::nexscout.outcome, 'user_id', v_job.user_id, 'lease', v_job.lease);
end
$$;
comment on function public.scan_claim is
  'Leases a scan that waits to a worker, or fails one that p_most_tries claims brought no further; else there is nothing to do now. For the service key only';

create or replace function public.scan_open_blocks(p_scan_id uuid, p_lease integer, p_after integer, p_limit integer)
returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  if not exists (
    select from public.scan_jobs where scan_id = p_scan_id and lease = p_lease and state = 'running'
  ) then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', 'running'::nexscout.outcome, 'blocks', (
    select coalesce(jsonb_agg(jsonb_build_object('ordinal', b.ordinal, 'records', b.records) order by b.ordinal), '[]')
    from (
      select ordinal, records from public.scan_blocks
      where scan_id = p_scan_id and ordinal > coalesce(p_after, -1) and state = 'open'
      order by ordinal limit p_limit
    ) b));
end
$$;
comment on function public.scan_open_blocks is
  'The next open blocks behind an ordinal, for the holder of the lease. For the service key only';

-- A scan that failed, and its energy, which goes back.

create or replace function nexscout.fail_scan(p_scan public.scans, p_code text, p_sentence text) returns nexscout.outcome
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs;
  v_refund integer;
begin
  select * into v_job from public.scan_jobs where scan_id = p_scan.id for update;
  if v_job.scan_id is null and p_scan.status in ('completed', 'failed') then
    v_job := nexscout.ended_scan(p_scan);
  end if;
  if v_job.state in ('done', 'failed') then
    return v_job.state;
  end if;
  insert into public.scan_jobs as j (scan_id, user_id, state, percent, failure_code, failure)
  values (p_scan.id, p_scan.user_id, 'failed', 0, p_code, p_sentence)
  on conflict (scan_id) do update set state = 'failed', lease = j.lease + 1, lease_until = null,
    failure_code = excluded.failure_code, failure = excluded.failure, updated_at = clock_timestamp()
  returning * into v_job;
  -- An open block was charged where its rows were refused.
  select v_job.energy_charged + coalesce(sum(r.energy_charged), 0) into v_refund
  from public.scan_blocks b join public.ai_requests r on r.user_id = p_scan.user_id and r.idempotency_scope = ''
    and r.idempotency_key = format('scan:%s:%s', b.scan_id, b.ordinal) and r.state = 'settled'
  where b.scan_id = p_scan.id and b.state = 'open';
  delete from public.scan_blocks where scan_id = p_scan.id and state = 'open';
  -- A page that has shown the scan as completed is not told otherwise.
  update public.scans set status = case status when 'completed' then status else 'failed' end,
    prospect_ids = nexscout.scan_prospect_ids(p_scan.id)
  where id = p_scan.id;
  perform nexscout.add_scan_status(p_scan.id, 'failed', greatest(v_job.percent, 0), p_sentence);
  if v_refund > 0 then
    perform nexscout.change_energy(p_scan.user_id, v_refund, 'scan_refund');
  end if;
  return 'failed';
end
$$;
comment on function nexscout.fail_scan is
  'Fails a scan everywhere, once, and gives its energy back; one that has ended stays as it is. The account and the scan must be locked';

create or replace function public.scan_fail(p_scan_id uuid, p_user_id uuid, p_code text, p_sentence text,
  p_lease integer default null) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_owner uuid := (select user_id from public.scans where id = p_scan_id and (p_user_id is null or user_id = p_user_id));
  v_scan public.scans;
  v_job public.scan_jobs;
begin
  perform nexscout.lock_account(v_owner);
  v_scan := nexscout.lock_scan(p_scan_id, v_owner);
  if v_owner is null or v_scan.id is null then
    return jsonb_build_object('outcome', 'scan_not_found'::nexscout.outcome);
  end if;
  select * into v_job from public.scan_jobs where scan_id = p_scan_id for update;
  if v_job.state in ('accepting', 'queued', 'running') and v_job.lease <> p_lease then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', nexscout.fail_scan(v_scan, p_code, p_sentence));
end
$$;
comment on function public.scan_fail is
  'Fails a scan with a code and a sentence for the person, also one that was never accepted, never one that has ended; with a lease only if nobody has taken the scan since. For the service key only';

create or replace function nexscout.give_up_scan(p_scan public.scans) returns boolean
language plpgsql set search_path = '' as $$
begin
  if not nexscout.take_if_free(p_scan.user_id) then
    return false;
  end if;
  perform nexscout.fail_scan(p_scan, 'scan_failed', 'The scan could not be completed. Please try again.');
  return true;
exception when others then
  -- One scan whose rows are refused must not keep the messages of all the others back.
  raise warning 'scan: % is not given up: %', p_scan.id, sqlstate;
  return false;
end
$$;
comment on function nexscout.give_up_scan is 'Fails a scan that nobody could work on, where its account is free; false where it must be tried again';

-- A scan that is done.

create or replace function nexscout.scan_prospect_ids(p_scan_id uuid) returns uuid[]
language sql stable set search_path = '' as $$
  select coalesce(array_agg(distinct known.id), '{}')
  from public.scan_blocks b cross join unnest(b.prospect_ids) as known (id) where b.scan_id = p_scan_id
$$;
comment on function nexscout.scan_prospect_ids is 'The prospects of a scan, new and known before, each once';

create or replace function nexscout.scan_reply(p_job public.scan_jobs, p_meta jsonb) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object('success', true, 'scanId', p_job.scan_id, 'prospectsFound', p_job.items,
    'hot', p_job.hot, 'warm', p_job.warm, 'cold', p_job.cold,
    'meta', p_job.facts || jsonb_build_object(
      'blocks', p_job.blocks_total, 'blocksByRules', p_job.by_rules, 'duplicates', p_job.duplicates,
      'knownProspects', p_job.merged, 'droppedValues', p_job.dropped_values,
      'energyConsumed', p_job.energy_charged, 'costUSD', p_job.cost_usd) || coalesce(p_meta, '{}'))
    || case when p_job.by_rules > 0 then jsonb_build_object('partial', jsonb_build_object(
      'reason', p_job.partial_reason, 'blocksByRules', p_job.by_rules, 'blocks', p_job.blocks_total)) else '{}' end
$$;
comment on function nexscout.scan_reply is 'The reply of a scan that is done, as every caller gets it';

create or replace function nexscout.notify_scan(p_job public.scan_jobs) returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.notifications (user_id, type, title, message, category, metadata)
  values (p_job.user_id, 'scan_complete', 'Your scan is complete',
    format('%s people found: %s hot, %s warm, %s cold.', p_job.items, p_job.hot, p_job.warm, p_job.cold), 'success',
    jsonb_build_object('scan_id', p_job.scan_id, 'prospects_found', p_job.items, 'hot', p_job.hot, 'warm', p_job.warm,
      'cold', p_job.cold));
exception when others then
  -- A trigger of the app that refuses the notification must not keep the scan from its end.
  raise warning 'scan: no notification of %: %', p_job.scan_id, sqlstate;
end
$$;
comment on function nexscout.notify_scan is 'Tells the owner that his scan is done';

create or replace function public.scan_finish(p_scan_id uuid, p_lease integer, p_meta text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans := nexscout.lock_scan(p_scan_id, null);
  v_job public.scan_jobs;
begin
  select * into v_job from public.scan_jobs where scan_id = v_scan.id for update;
  if v_job.state in ('done', 'failed') then
    return nexscout.scan_standing(v_job);
  elsif v_job.scan_id is null or v_job.state <> 'running' or v_job.lease <> p_lease then
    return nexscout.no_lease(p_scan_id);
  elsif v_job.blocks_done < v_job.blocks_total then
    return jsonb_build_object('outcome', 'blocks_open'::nexscout.outcome);
  end if;
  perform nexscout.report_progress(p_scan_id, 'saving', 80, 'Saving the results.');
  perform nexscout.report_progress(p_scan_id, 'creating_prospects', 90, 'Adding them to your prospects.');
  -- A page that has shown the scan as failed is not told otherwise.
  update public.scans set status = case status when 'failed' then status else 'completed' end,
    completed_at = clock_timestamp(), prospect_ids = nexscout.scan_prospect_ids(p_scan_id)
  where id = p_scan_id;
  perform nexscout.report_progress(p_scan_id, 'completed', 100, format('Done: %s people found.', v_job.items));
  update public.scan_jobs set state = 'done', lease_until = null, reply = nexscout.scan_reply(v_job, p_meta::jsonb),
    updated_at = clock_timestamp()
  where scan_id = p_scan_id returning * into v_job;
  perform nexscout.notify_scan(v_job);
  return nexscout.scan_standing(v_job);
end
$$;
comment on function public.scan_finish is
  'Ends a scan whose blocks are all done, once, and gives the reply, which is stored for later callers. For the service key only';

-- Input is accepted as blocks of records under a lease, then queued for a worker.

create or replace function public.scan_accept(p_scan_id uuid, p_user_id uuid, p_scan_type text, p_input_hash text,
  p_lease_seconds integer) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans := nexscout.lock_scan(p_scan_id, p_user_id);
  v_job public.scan_jobs;
begin
  if v_scan.id is null then
    return jsonb_build_object('outcome', 'scan_not_found'::nexscout.outcome);
  end if;
  select * into v_job from public.scan_jobs where scan_id = p_scan_id for update;
  if v_job.state <> 'accepting' or v_job.lease_until > clock_timestamp() then
    return nexscout.scan_standing(v_job);
  end if;
  if v_scan.status in ('completed', 'failed') then
    return nexscout.scan_standing(nexscout.ended_scan(v_scan));
  end if;
  delete from public.scan_blocks where scan_id = p_scan_id;
  insert into public.scan_jobs as j (scan_id, user_id, scan_type, input_hash, lease, lease_seconds, lease_until)
  values (p_scan_id, v_scan.user_id, p_scan_type, p_input_hash, 1, p_lease_seconds,
    clock_timestamp() + make_interval(secs => p_lease_seconds))
  on conflict (scan_id) do update set
    scan_type = excluded.scan_type, input_hash = excluded.input_hash, lease = j.lease + 1, blocks_total = 0,
    lease_seconds = excluded.lease_seconds, lease_until = excluded.lease_until, updated_at = clock_timestamp()
  returning * into v_job;
  update public.scans set status = 'processing' where id = p_scan_id and status is distinct from 'processing';
  perform nexscout.report_progress(p_scan_id, 'queued', 0, 'Your scan has arrived.');
  return jsonb_build_object('outcome', 'accepted'::nexscout.outcome, 'user_id', v_job.user_id, 'lease', v_job.lease);
end
$$;
comment on function public.scan_accept is
  'Begins a scan, of the user or (null) of its owner, once: the first caller gets a lease to send its blocks under, a later one is told how it stands. For the service key only';

create or replace function public.scan_add_blocks(p_scan_id uuid, p_lease integer, p_first_ordinal integer, p_blocks text)
returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_blocks jsonb := p_blocks::jsonb;
  v_job public.scan_jobs := nexscout.leased_scan(p_scan_id, p_lease, '{accepting}');
begin
  if v_job.scan_id is null then
    return nexscout.no_lease(p_scan_id);
  end if;
  insert into public.scan_blocks (scan_id, ordinal, records)
  select p_scan_id, p_first_ordinal + b.place - 1, b.records
  from jsonb_array_elements(v_blocks) with ordinality as b (records, place)
  on conflict do nothing;
  update public.scan_jobs set
    blocks_total = greatest(blocks_total, p_first_ordinal + jsonb_array_length(v_blocks)),
    lease_until = clock_timestamp() + make_interval(secs => lease_seconds), updated_at = clock_timestamp()
  where scan_id = p_scan_id;
  perform nexscout.report_progress(p_scan_id, 'extracting_text', 5, 'Reading your input.');
  return jsonb_build_object('outcome', 'stored'::nexscout.outcome);
end
$$;
comment on function public.scan_add_blocks is
  'Adds blocks of records from an ordinal on, each ordinal once, and lengthens the lease. For the service key only';

create or replace function public.scan_queue(p_scan_id uuid, p_lease integer, p_facts text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs := nexscout.leased_scan(p_scan_id, p_lease, '{accepting,queued}');
  v_facts jsonb := coalesce(p_facts::jsonb, '{}');
begin
  if v_job.scan_id is null then
    return nexscout.no_lease(p_scan_id);
  end if;
  if v_job.state = 'accepting' then
    if v_job.blocks_total <> (select count(*) from public.scan_blocks where scan_id = p_scan_id) then
      raise exception 'scan_queue: a block of % is missing', p_scan_id using errcode = 'invalid_parameter_value';
    end if;
    update public.scan_jobs set state = 'queued', lease_until = null, facts = v_facts,
      duplicates = coalesce((v_facts ->> 'duplicates')::integer, 0), updated_at = clock_timestamp()
    where scan_id = p_scan_id;
    perform nexscout.report_progress(p_scan_id, 'extracting_text', 20, 'Your input has been read.');
    perform nexscout.report_progress(p_scan_id, 'detecting_prospects', 40, 'Looking for people.');
  end if;
  return jsonb_build_object('outcome', 'queued'::nexscout.outcome, 'blocks_total', v_job.blocks_total);
end
$$;
comment on function public.scan_queue is
  'All blocks are there: from now on a worker may claim the scan. facts (duplicates and what else is known of the input) go into the reply''s meta. For the service key only';

-- What was found in a block: an item each, and its prospect.

create or replace function nexscout.store_scan_item(p_job public.scan_jobs, p_item jsonb, p_scored_by text,
  out prospect_id uuid, out known boolean)
language plpgsql set search_path = '' as $$
declare
  v_name text := coalesce(nullif(btrim(p_item ->> 'name'), ''), nullif(p_item ->> 'email', ''),
    nullif(p_item ->> 'phone', ''));
  v_metadata jsonb := nexscout.scanned_metadata(p_job, p_item);
begin
  prospect_id := nexscout.known_prospect(p_job.user_id, p_job.scan_id, p_item);
  known := prospect_id is not null;
  if known then
    perform nexscout.fill_prospect(prospect_id, p_item, v_metadata);
  elsif v_name is not null then
    insert into public.prospects (user_id, full_name, email, phone, company, source, pipeline_stage, lead_temperature, metadata)
    values (p_job.user_id, v_name, p_item ->> 'email', p_item ->> 'phone', p_item ->> 'company', 'scan', 'discover',
      p_item ->> 'bucket', v_metadata)
    returning id into prospect_id;
  end if;
  insert into public.scan_processed_items (scan_id, type, name, content, score, metadata, created_at)
  values (p_job.scan_id, 'text', p_item ->> 'name', p_item ->> 'content', (p_item ->> 'score')::numeric,
    (p_item - '{name,content,score}'::text[]) || jsonb_build_object(
      'scored_by', coalesce(p_item ->> 'scored_by', p_scored_by), 'prospect_id', prospect_id)
    || case when known then jsonb_build_object('duplicate_of', prospect_id) else '{}' end,
    clock_timestamp());
end
$$;
comment on function nexscout.store_scan_item is
  'One item, and its prospect: a known one is filled, a new one made where there is a name or a contact; the account row must be locked';

create or replace function nexscout.store_scan_items(p_job public.scan_jobs, p jsonb) returns public.scan_jobs
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs := p_job;
  v_item jsonb;
  v_stored record;
  v_prospects uuid[] := '{}';
begin
  for v_item in select * from jsonb_array_elements(p -> 'items') loop
    v_stored := nexscout.store_scan_item(p_job, v_item, p ->> 'scored_by');
    v_job.items := v_job.items + 1;
    v_job.merged := v_job.merged + v_stored.known::integer;
    v_job.hot := v_job.hot + (v_item ->> 'bucket' = 'hot')::integer;
    v_job.warm := v_job.warm + (v_item ->> 'bucket' = 'warm')::integer;
    v_job.cold := v_job.cold + (v_item ->> 'bucket' = 'cold')::integer;
    v_prospects := v_prospects || v_stored.prospect_id;
  end loop;
  update public.scan_blocks set items = v_job.items - p_job.items,
    prospect_ids = array(select distinct known.id from unnest(v_prospects) as known (id) where known.id is not null)
  where scan_id = p_job.scan_id and ordinal = (p ->> 'ordinal')::integer;
  return v_job;
end
$$;
comment on function nexscout.store_scan_items is 'Stores the items of a block; returns the job with the counts that it then has';

-- Who works on a scan. Locks, where several are taken: user, account, request, scan, job, block.

create or replace function nexscout.lock_scan(p_scan_id uuid, p_user_id uuid) returns public.scans
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans;
begin
  select * into v_scan from public.scans where id = p_scan_id and (p_user_id is null or user_id = p_user_id);
  if not found or not nexscout.pin_user(v_scan.user_id) then
    return null;
  end if;
  select * into v_scan from public.scans where id = p_scan_id and user_id = v_scan.user_id for no key update;
  return v_scan;
end
$$;
comment on function nexscout.lock_scan is
  'Locks a scan, of one user or (null) of whoever owns it, before any other row of it: a deletion takes it first too. Null when there is none';

create or replace function nexscout.leased_scan(p_scan_id uuid, p_lease integer, p_states text[]) returns public.scan_jobs
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs;
begin
  if (nexscout.lock_scan(p_scan_id, null)).id is not null then
    select * into v_job from public.scan_jobs
    where scan_id = p_scan_id and lease = p_lease and state = any (p_states) for update;
  end if;
  return v_job;
end
$$;
comment on function nexscout.leased_scan is 'Locks a scan and its job for the holder of its newest lease; null for anybody else';

create or replace function nexscout.no_lease(p_scan_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('outcome', (case when exists (select from public.scan_jobs where scan_id = p_scan_id)
    then 'lease_lost' else 'scan_not_found' end)::nexscout.outcome)
$$;
comment on function nexscout.no_lease is 'Why there was no lease: another has it or the work has ended, or the scan is gone';

create or replace function public.scan_renew(p_scan_id uuid, p_lease integer, p_lease_seconds integer) returns jsonb
language plpgsql set search_path = '' as $$
begin
  update public.scan_jobs set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
  where scan_id = p_scan_id and lease = p_lease and state in ('accepting', 'running');
  if not found then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', 'running'::nexscout.outcome);
end
$$;
comment on function public.scan_renew is 'Lengthens a lease, also one that ran out and that nobody took. For the service key only';

create or replace function public.scan_release(p_scan_id uuid, p_lease integer) returns jsonb
language plpgsql set search_path = '' as $$
begin
  update public.scan_jobs set state = 'queued', lease_until = null, updated_at = clock_timestamp()
  where scan_id = p_scan_id and lease = p_lease and state in ('running', 'queued');
  if not found then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', 'queued'::nexscout.outcome);
end
$$;
comment on function public.scan_release is 'Gives a scan back unfinished; the next claim goes on with its open blocks. For the service key only';

-- Who reads the work on a scan: the owner.

drop policy if exists "Users read their own scan jobs" on public.scan_jobs;
create policy "Users read their own scan jobs" on public.scan_jobs
  for select to authenticated using (user_id = (select auth.uid()));

-- What pollers of scan_status see.

create or replace function nexscout.add_scan_status(p_scan_id uuid, p_step text, p_percent integer, p_message text)
returns void
language sql set search_path = '' as $$
  -- A row that the page wrote by a clock of its own may be a little ahead; one that is far ahead is no time.
  insert into public.scan_status (scan_id, step, percent, message, updated_at)
  select p_scan_id, p_step, p_percent, p_message, greatest(clock_timestamp(), max(s.updated_at) + interval '1 microsecond')
  from public.scan_status s
  where s.scan_id = p_scan_id and s.updated_at < clock_timestamp() + interval '1 day'
$$;
comment on function nexscout.add_scan_status is 'A row for pollers, later than all rows of the scan, which must be locked';

create or replace function nexscout.report_progress(p_scan_id uuid, p_step text, p_percent integer, p_message text)
returns void
language plpgsql set search_path = '' as $$
begin
  update public.scan_jobs set percent = p_percent where scan_id = p_scan_id and percent < p_percent;
  if found then
    perform nexscout.add_scan_status(p_scan_id, p_step, p_percent, p_message);
  end if;
end
$$;
comment on function nexscout.report_progress is 'Tells pollers of a step, if its percent is higher than all before';

-- Who is known already, and what a prospect keeps of a scan. The keys are those of the indexes on prospects.

create or replace function nexscout.phone_key(p_phone text) returns text
language sql immutable set search_path = '' as $$
  select case
    when length(d.digits) < 7 or d.digits ~ '^(.)\1*$' then null
    when d.digits ~ '^(0063|63)?0?9[0-9]{9}$' then right(d.digits, 10)
    when d.digits ~ '^(0063|63)0?[2-8][0-9]{8}$' or d.digits ~ '^0[2-8][0-9]{8}$' then right(d.digits, 9)
    when d.digits ~ '^00' then substr(d.digits, 3)
    else d.digits
  end
  from (select regexp_replace(p_phone, '[^0-9]', '', 'g') as digits) d
$$;
comment on function nexscout.phone_key is
  'What the ways of writing one number have in common: the national digits of a Philippine number, else all digits; null where that is no number';

create or replace function nexscout.known_prospect(p_user_id uuid, p_scan_id uuid, p_item jsonb) returns uuid
language plpgsql stable set search_path = '' set enable_seqscan = off as $$
declare
  v_phone text := nexscout.phone_key(p_item ->> 'phone');
  v_email text := nullif(left(lower(btrim(p_item ->> 'email')), 320), '');
  v_name text := nullif(left(lower(regexp_replace(btrim(p_item ->> 'name'), '\s+', ' ', 'g')), 200), '');
  v_company text := left(coalesce(nullif(lower(btrim(p_item ->> 'company')), ''), p_scan_id::text), 200);
  v_id uuid;
begin
  -- Materialized: an index in the order of creation is no way to find one person.
  if v_phone is not null then
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.phone is not null
        and p.user_id::text || '/' || right(regexp_replace(p.phone, '[^0-9]', '', 'g'), 9)
          = p_user_id::text || '/' || right(v_phone, 9)
        and nexscout.phone_key(p.phone) = v_phone
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  if v_id is null and v_email is not null then
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.email is not null
        and p.user_id::text || '/' || left(lower(btrim(p.email)), 320) = p_user_id::text || '/' || v_email
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  if v_id is null and v_name is not null then
    -- Namesakes with another number or address are others. The bounds are lists, so that the index takes them.
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.user_id::text || '/' || left(lower(regexp_replace(btrim(p.full_name), '\s+', ' ', 'g')), 200)
          || e'\n' || left(coalesce(nullif(lower(btrim(p.company)), ''), p.metadata ->> 'scan_id', ''), 200)
          = p_user_id::text || '/' || v_name || e'\n' || v_company
        and (coalesce(p.phone, '') = '') = any (array[true, v_phone is not null])
        and (coalesce(p.email, '') = '') = any (array[true, v_email is not null])
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  return v_id;
end
$$;
comment on function nexscout.known_prospect is
  'The oldest prospect of the user that an item speaks of: by phone, else e-mail, else name with the same company, or with none in the same scan; null when there is none';

create or replace function nexscout.fill_prospect(p_prospect_id uuid, p_item jsonb, p_metadata jsonb) returns void
language plpgsql set search_path = '' set enable_seqscan = off as $$
declare
  v_old public.prospects;
  v_new public.prospects;
begin
  -- A row that somebody is just changing or deleting is his: waiting for it could be a deadlock.
  select * into v_old from public.prospects where id = p_prospect_id for no key update skip locked;
  v_new := v_old;
  if coalesce(btrim(v_old.phone), '') = '' then
    v_new.phone := coalesce(p_item ->> 'phone', v_old.phone);
  end if;
  if coalesce(btrim(v_old.email), '') = '' then
    v_new.email := coalesce(p_item ->> 'email', v_old.email);
  end if;
  if coalesce(btrim(v_old.company), '') = '' then
    v_new.company := coalesce(p_item ->> 'company', v_old.company);
  end if;
  if v_old.id is not null and coalesce(v_old.metadata, '{}') = '{}' then
    v_new.metadata := p_metadata;
  end if;
  if (v_new.phone, v_new.email, v_new.company, v_new.metadata)
    is distinct from (v_old.phone, v_old.email, v_old.company, v_old.metadata) then
    update public.prospects set phone = v_new.phone, email = v_new.email, company = v_new.company,
      metadata = v_new.metadata, updated_at = clock_timestamp()
    where id = v_old.id;
  end if;
exception when others then
  -- A trigger of the app that refuses the change keeps the prospect as it is; the item tells all the same.
  raise warning 'scan: prospect % is not filled: %', p_prospect_id, sqlstate;
end
$$;
comment on function nexscout.fill_prospect is 'Gives a known prospect what it has nothing in; what stands there is never overwritten';

create or replace function nexscout.scanned_metadata(p_job public.scan_jobs, p_item jsonb) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object(
    'scout_score', p_item -> 'score', 'bucket', p_item ->> 'bucket', 'temperature', p_item ->> 'bucket',
    'tags', coalesce(nullif(p_item -> 'keywords', 'null'), '[]'),
    'pain_points', coalesce(nullif(p_item -> 'pain_points', 'null'), '[]'),
    'interests', coalesce(nullif(p_item -> 'interests', 'null'), '[]'),
    'scan_id', p_job.scan_id, 'scan_source', p_job.scan_type)
$$;
comment on function nexscout.scanned_metadata is 'What a prospect keeps of the item it came from';

-- How a scan stands, and whose it is.

create or replace function public.scan_owner(p_scan_id uuid, p_user_id uuid) returns uuid
language sql stable set search_path = '' as $$
  select s.user_id from public.scans s where s.id = p_scan_id and s.user_id = coalesce(p_user_id, s.user_id)
$$;
comment on function public.scan_owner is
  'Whose scan it is: his who is named, or (null) whoever owns it; null for no such scan. For the service key only';

create or replace function nexscout.scan_standing(p_job public.scan_jobs) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object(
    'outcome', (case when p_job.state in ('done', 'failed') then p_job.state else 'running' end)::nexscout.outcome,
    'user_id', p_job.user_id, 'lease', null, 'reply', p_job.reply,
    'code', p_job.failure_code, 'sentence', p_job.failure)
$$;
comment on function nexscout.scan_standing is 'How a scan stands, for whoever comes second';

create or replace function nexscout.ended_scan(p_scan public.scans) returns public.scan_jobs
language sql stable set search_path = '' as $$
  select jsonb_populate_record(null::public.scan_jobs, jsonb_build_object(
    'scan_id', p_scan.id, 'user_id', p_scan.user_id,
    'state', case p_scan.status when 'completed' then 'done' else 'failed' end,
    'failure_code', case p_scan.status when 'failed' then 'scan_failed' end,
    'failure', case p_scan.status when 'failed' then 'This scan has failed. Please start a new one.' end,
    'reply', case p_scan.status when 'completed' then jsonb_build_object('success', true, 'scanId', p_scan.id,
      'prospectsFound', p_scan.total_items, 'hot', p_scan.hot_leads, 'warm', p_scan.warm_leads,
      'cold', p_scan.cold_leads, 'meta', '{}'::jsonb) end))
$$;
comment on function nexscout.ended_scan is 'How a scan stands that ended without a job of ours: the app that was before left it so';

-- Scans that nobody comes back for.

create or replace function public.scan_requeue(p_older_than_seconds integer, p_limit integer default 100,
  p_most_sends integer default 20) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_older_than_seconds);
  v_open uuid;
  v_scan public.scans;
  v_job public.scan_jobs;
  v_scans jsonb := '[]';
  v_gave_up integer := 0;
begin
  for v_open in
    select scan_id from public.scan_jobs
    where (state = 'queued' and updated_at <= v_before) or (state = 'running' and greatest(lease_until, updated_at) <= v_before)
    order by updated_at limit p_limit
  loop
    select * into v_scan from public.scans where id = v_open for no key update skip locked;
    update public.scan_jobs set sends = sends + 1, updated_at = clock_timestamp()
    where scan_id = v_scan.id and state in ('queued', 'running') and updated_at <= v_before
    returning * into v_job;
    continue when not found;
    if v_job.sends <= p_most_sends then
      v_scans := v_scans || to_jsonb(v_job.scan_id);
    else
      v_gave_up := v_gave_up + nexscout.give_up_scan(v_scan)::integer;
    end if;
  end loop;
  return jsonb_build_object('scans', v_scans, 'gave_up', v_gave_up);
end
$$;
comment on function public.scan_requeue is
  'The scans that wait for a worker for so long that their message must be lost, to be sent again; each once in that time, and failed after p_most_sends. For the service key only';

create or replace function nexscout.sweep_scans(p_limit integer, out done integer, out failed integer)
language plpgsql set search_path = '' as $$
declare
  v_item record;
  v_scan public.scans;
begin
  done := 0;
  failed := 0;
  for v_item in
    select scan_id, user_id from public.scan_jobs
    where state = 'accepting' and lease_until <= clock_timestamp()
    order by user_id, scan_id limit p_limit
  loop
    begin
      continue when not nexscout.take_if_free(v_item.user_id);
      select * into v_scan from public.scans where id = v_item.scan_id for no key update skip locked;
      -- Looked at again under the lock: its caller may have come back.
      perform from public.scan_jobs
      where scan_id = v_scan.id and state = 'accepting' and lease_until <= clock_timestamp() for update;
      continue when not found;
      perform nexscout.fail_scan(v_scan, 'upload_incomplete', 'The upload did not complete. Please send it again.');
      done := done + 1;
    exception when others then
      failed := failed + 1;
      raise warning 'ai_sweep: scan % is not closed: %', v_item.scan_id, sqlstate;
    end;
  end loop;
end
$$;
comment on function nexscout.sweep_scans is
  'Fails scans whose input never came to its end, each for itself; those that wait for a worker are left to workers';

-- The files of scan input: each user has the folder of his id in the bucket. A database without Supabase Storage has no files.

do $$
begin
  if to_regclass('storage.objects') is null then
    return;
  end if;

  drop policy if exists "Users read their own scan uploads" on storage.objects;
  create policy "Users read their own scan uploads" on storage.objects for select to authenticated
    using (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);

  drop policy if exists "Users add their own scan uploads" on storage.objects;
  create policy "Users add their own scan uploads" on storage.objects for insert to authenticated
    with check (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);

  drop policy if exists "Users replace their own scan uploads" on storage.objects;
  create policy "Users replace their own scan uploads" on storage.objects for update to authenticated
    using (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text)
    with check (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);

  drop policy if exists "Users delete their own scan uploads" on storage.objects;
  create policy "Users delete their own scan uploads" on storage.objects for delete to authenticated
    using (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);
exception when insufficient_privilege then
  -- Where another role keeps the storage to itself, nobody but the service gets at the files, and the rest goes on.
  raise warning 'scan-uploads: the policies are not made, this role may not: %', sqlerrm;
end
$$;

-- Sums of a user's usage, for himself and administrators.

create or replace function nexscout.may_read_usage_of(p_user_id uuid) returns boolean
language sql stable set search_path = '' as $$
  select current_user not in ('anon', 'authenticated')
    or coalesce(p_user_id = (select auth.uid()), false)
    or coalesce((select nexscout.is_admin()), false)
$$;
comment on function nexscout.may_read_usage_of is 'True for the user, an administrator and the service';

create or replace function public.get_user_total_ai_cost(p_user_id uuid) returns numeric
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.cost_usd), 0) from public.ai_usage_logs l where l.user_id = p_user_id and not l.shadow)
  end
$$;
comment on function public.get_user_total_ai_cost is
  'USD that a user''s calls have cost; null when the caller is neither that user nor an administrator';

create or replace function public.get_user_monthly_ai_cost(p_user_id uuid, p_at timestamptz default now()) returns numeric
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.cost_usd), 0) from public.ai_usage_logs l
     where l.user_id = p_user_id and not l.shadow
       and l.created_at >= nexscout.month_start(p_at)
       and l.created_at < nexscout.month_start(nexscout.month_start(p_at) + interval '32 days'))
  end
$$;
comment on function public.get_user_monthly_ai_cost is
  'USD of a user''s calls in the month of p_at (policy time zone); null when it is not the caller''s to know';

create or replace function public.get_user_monthly_tokens(p_user_id uuid, p_at timestamptz default now()) returns bigint
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.tokens_total), 0)::bigint from public.ai_usage_logs l
     where l.user_id = p_user_id and not l.shadow
       and l.created_at >= nexscout.month_start(p_at)
       and l.created_at < nexscout.month_start(nexscout.month_start(p_at) + interval '32 days'))
  end
$$;
comment on function public.get_user_monthly_tokens is
  'Tokens of a user''s calls in the month of p_at (policy time zone); null when it is not the caller''s to know';

-- Who reads usage: the one who pays, the owner of the workspace, administrators.

drop policy if exists "Users, workspace owners and administrators read usage" on public.ai_usage_logs;
create policy "Users, workspace owners and administrators read usage" on public.ai_usage_logs
  for select to authenticated
  using (user_id = (select auth.uid()) or workspace_id = (select auth.uid()) or (select nexscout.is_admin()));

drop policy if exists "Users and administrators read attempts" on public.ai_usage_attempts;
create policy "Users and administrators read attempts" on public.ai_usage_attempts
  for select to authenticated
  using (user_id = (select auth.uid()) or (select nexscout.is_admin()));

-- The usage row of a call.

create or replace function nexscout.write_usage(
  p_request public.ai_requests, p_success boolean, p_error_code text, p_result jsonb
) returns numeric
language plpgsql set search_path = '' as $$
declare
  v_cost numeric;
begin
  insert into public.ai_usage_logs as l (
    request_id, user_id, workspace_id, prospect_id, function_name, action, provider, model, requested_model,
    tokens_prompt, tokens_completion, tokens_total, tokens_cached, tokens_reasoning, cost_usd, cost_estimated,
    energy_consumed, coins_consumed, latency_ms, retry_count, fallback_used, downgrade_reason, prompt_version,
    success, error_code, error_message, shadow, created_at
  )
  select p_request.id, p_request.user_id, p_request.workspace_id, p_request.prospect_id, p_request.function_name,
    p_request.action, coalesce(p_result ->> 'provider', p_request.provider),
    coalesce(p_result ->> 'model', p_request.model), p_request.requested_model,
    coalesce(sum(a.tokens_prompt), 0), coalesce(sum(a.tokens_completion), 0),
    coalesce(sum(a.tokens_prompt + a.tokens_completion), 0), coalesce(sum(a.tokens_cached), 0),
    coalesce(sum(a.tokens_reasoning), 0), coalesce(sum(a.cost_usd), 0), coalesce(bool_or(a.cost_estimated), false),
    p_request.energy_charged, p_request.coins_charged, (p_result ->> 'latency_ms')::integer,
    greatest(count(a.ordinal) - coalesce((p_result ->> 'parts')::integer, 1), 0), coalesce((p_result ->> 'fallback_used')::boolean, false),
    coalesce(p_result ->> 'downgrade_reason', p_request.downgrade_reason),
    coalesce(p_result ->> 'prompt_version', p_request.prompt_version),
    p_success, p_error_code, p_result ->> 'error_message', p_request.shadow, p_request.created_at
  from (select 1) one left join public.ai_usage_attempts a on a.request_id = p_request.id
  on conflict (request_id) do update set
    provider = excluded.provider, model = excluded.model, tokens_prompt = excluded.tokens_prompt,
    tokens_completion = excluded.tokens_completion, tokens_total = excluded.tokens_total,
    tokens_cached = excluded.tokens_cached, tokens_reasoning = excluded.tokens_reasoning, cost_usd = excluded.cost_usd,
    cost_estimated = excluded.cost_estimated, energy_consumed = excluded.energy_consumed,
    coins_consumed = excluded.coins_consumed, latency_ms = excluded.latency_ms, retry_count = excluded.retry_count,
    fallback_used = excluded.fallback_used, downgrade_reason = excluded.downgrade_reason,
    prompt_version = excluded.prompt_version, success = excluded.success, error_code = excluded.error_code,
    error_message = excluded.error_message
  returning l.cost_usd into v_cost;
  return v_cost;
end
$$;
comment on function nexscout.write_usage is
  'Writes the usage row of a call as the sum of its attempts, or brings it up to date; returns its cost in USD';

-- Usage by day, by month and by model, without the copies of shadow calls.

create or replace view public.daily_ai_usage_summary with (security_invoker = true) as
select
  nexscout.day_of(created_at) as day,
  user_id,
  action,
  count(*) as calls,
  count(*) filter (where success) as succeeded,
  sum(tokens_total) as tokens_total,
  sum(cost_usd) as cost_usd,
  sum(energy_consumed) as energy_consumed
from public.ai_usage_logs
where not shadow
group by 1, 2, 3;
comment on view public.daily_ai_usage_summary is 'Calls, tokens, USD and energy per day (policy time zone), user and action';

create or replace view public.monthly_ai_usage_by_user with (security_invoker = true) as
select
  date_trunc('month', nexscout.day_of(created_at)::timestamp)::date as month,
  user_id,
  count(*) as calls,
  count(*) filter (where success) as succeeded,
  sum(tokens_prompt) as tokens_prompt,
  sum(tokens_completion) as tokens_completion,
  sum(tokens_total) as tokens_total,
  sum(cost_usd) as cost_usd,
  sum(energy_consumed) as energy_consumed,
  sum(coins_consumed) as coins_consumed
from public.ai_usage_logs
where not shadow
group by 1, 2;
comment on view public.monthly_ai_usage_by_user is 'Calls, tokens, USD, energy and coins per month (policy time zone) and user';

create or replace view public.ai_model_usage_stats with (security_invoker = true) as
select
  provider,
  model,
  count(*) as calls,
  count(*) filter (where success) as succeeded,
  round(avg(latency_ms) filter (where success)) as average_latency_ms,
  percentile_cont(0.95) within group (order by latency_ms) filter (where success) as p95_latency_ms,
  sum(tokens_total) as tokens_total,
  sum(tokens_cached) as tokens_cached,
  sum(cost_usd) as cost_usd,
  count(*) filter (where fallback_used) as fallbacks,
  count(*) filter (where downgrade_reason is not null) as downgrades
from public.ai_usage_logs
where model is not null and not shadow
group by 1, 2;
comment on view public.ai_model_usage_stats is 'Success, latency, tokens and USD per provider and model';

revoke all on function
  nexscout.bump_config_version(), nexscout.guard_chat_message(), nexscout.guard_chat_session(),
  nexscout.guard_energy_row(), nexscout.guard_ledger_insert(), nexscout.guard_profile_money(),
  nexscout.keep_ledger_rows(), nexscout.record_energy_change(), nexscout.refuse_truncate()
  from public, anon, authenticated, service_role;
revoke all on function
  nexscout.account_as_it_stands(uuid), nexscout.account_for_call(uuid,boolean),
  nexscout.add_lead_prospect(public.public_chat_sessions,public.chat_leads,jsonb),
  nexscout.add_ledger_row(uuid,integer,integer), nexscout.add_scan_status(uuid,text,integer,text),
  nexscout.admit(nexscout.reservation,public.user_energy,public.ai_tiers,timestamp with time zone),
  nexscout.calls_per_charge(text), nexscout.change_energy(uuid,integer,text,uuid),
  nexscout.charge(public.ai_requests,text,public.user_energy), nexscout.chat_company_parts(uuid),
  nexscout.chat_context(public.public_chat_sessions,public.chatbot_settings), nexscout.chat_flood_wait(uuid),
  nexscout.chat_knowledge(uuid,text), nexscout.chat_links(uuid), nexscout.chat_products(uuid),
  nexscout.chat_training(uuid),
  nexscout.choose(nexscout.reservation,public.user_energy,public.ai_tiers,public.ai_charge_groups),
  nexscout.claim_scan(uuid,integer,integer), nexscout.close_abandoned(uuid,uuid), nexscout.coins_free(uuid,uuid),
  nexscout.coins_held(uuid,uuid), nexscout.cost_bound_within(nexscout.reservation,integer),
  nexscout.count_paid_block(public.ai_requests,jsonb), nexscout.count_scan_block(public.scan_jobs,jsonb),
  nexscout.day_start(timestamp with time zone), nexscout.downgrade_reason(text,text,public.ai_tiers,boolean,boolean),
  nexscout.earlier_answer(nexscout.reservation,public.user_energy,timestamp with time zone),
  nexscout.earlier_call(public.ai_requests,text,timestamp with time zone),
  nexscout.end_hold(public.ai_requests,public.user_energy,jsonb,boolean,timestamp with time zone),
  nexscout.ended_scan(public.scans), nexscout.energy_held(uuid,uuid,uuid), nexscout.erase_jobs(integer),
  nexscout.erase_replies(integer), nexscout.expire_holds(uuid,timestamp with time zone),
  nexscout.fail_scan(public.scans,text,text), nexscout.fill_prospect(uuid,jsonb,jsonb),
  nexscout.find_earlier_call(nexscout.reservation,timestamp with time zone),
  nexscout.find_group(nexscout.reservation,timestamp with time zone), nexscout.give_up_scan(public.scans),
  nexscout.hold(nexscout.reservation,nexscout.choice,timestamp with time zone), nexscout.is_claimable(public.scan_jobs),
  nexscout.keep_contact(public.public_chat_sessions,jsonb), nexscout.known_prospect(uuid,uuid,jsonb),
  nexscout.leased_scan(uuid,integer,text[]), nexscout.lock_account(uuid), nexscout.lock_scan(uuid,uuid),
  nexscout.most_relevant(jsonb,text,integer), nexscout.next_chat_instant(uuid), nexscout.no_lease(uuid),
  nexscout.notify_scan(public.scan_jobs), nexscout.phone_key(text), nexscout.pin_user(uuid,boolean),
  nexscout.rate_limit_wait(nexscout.reservation,public.ai_tiers,timestamp with time zone),
  nexscout.read_reservation(text), nexscout.record_attempts(public.ai_requests,jsonb,timestamp with time zone),
  nexscout.record_late(public.ai_requests,public.user_energy,jsonb,timestamp with time zone),
  nexscout.refill(public.user_energy,public.ai_tiers,timestamp with time zone), nexscout.refill_due(uuid),
  nexscout.refusal(nexscout.outcome,jsonb), nexscout.refuse(nexscout.reservation,public.ai_tiers,nexscout.outcome,jsonb),
  nexscout.repeated(public.ai_requests,public.user_energy), nexscout.reply_with_figures(jsonb,integer,integer,boolean),
  nexscout.report_progress(uuid,text,integer,text), nexscout.reserved(public.ai_requests,public.user_energy),
  nexscout.resolve(uuid,jsonb,boolean), nexscout.resolved_before(public.ai_requests,public.user_energy),
  nexscout.scan_prospect_ids(uuid), nexscout.scan_reply(public.scan_jobs,jsonb), nexscout.scan_standing(public.scan_jobs),
  nexscout.scanned_metadata(public.scan_jobs,jsonb),
  nexscout.seconds_until_free(timestamp with time zone,timestamp with time zone),
  nexscout.shadow_cap_reached(nexscout.reservation,timestamp with time zone),
  nexscout.shadow_chat_context(public.public_chat_sessions,public.chatbot_settings,text), nexscout.shortened(jsonb),
  nexscout.spend_cap_reached(nexscout.reservation,public.ai_tiers,timestamp with time zone),
  nexscout.store_assistant_turn(uuid,jsonb), nexscout.store_chat_answer(uuid,jsonb,text),
  nexscout.store_chat_lead(public.public_chat_sessions,jsonb), nexscout.store_rows(public.ai_requests,jsonb,numeric),
  nexscout.store_scan_block(uuid,jsonb,text), nexscout.store_scan_item(public.scan_jobs,jsonb,text),
  nexscout.store_scan_items(public.scan_jobs,jsonb), nexscout.store_visitor_message(uuid,text),
  nexscout.sweep_accounts(integer), nexscout.sweep_requests(integer), nexscout.sweep_scans(integer),
  nexscout.take_coins(public.ai_requests,integer), nexscout.take_if_free(uuid), nexscout.tier_of(uuid),
  nexscout.visitor_may(nexscout.visitor_use,text,integer,numeric),
  nexscout.visitor_use_of(nexscout.reservation,timestamp with time zone), nexscout.watched_figures(),
  nexscout.write_resolution(public.ai_requests,jsonb,boolean,integer,timestamp with time zone),
  nexscout.write_usage(public.ai_requests,boolean,text,jsonb), public.ai_claim_job(uuid,integer),
  public.ai_configuration_of(uuid), public.ai_enqueue_job(text), public.ai_finish_job(uuid,integer,integer,text),
  public.ai_note_attempt(uuid,integer,text,text,text), public.ai_prospect_of(uuid,uuid), public.ai_release(uuid,text),
  public.ai_requeue_jobs(integer,integer,integer), public.ai_reserve(text), public.ai_settle(uuid,text),
  public.ai_sweep(integer), public.assistant_open(uuid,text), public.chat_answer(uuid,text),
  public.chat_open(uuid,uuid,text,text), public.scan_accept(uuid,uuid,text,text,integer),
  public.scan_add_blocks(uuid,integer,integer,text), public.scan_claim(uuid,integer,integer),
  public.scan_fail(uuid,uuid,text,text,integer), public.scan_finish(uuid,integer,text),
  public.scan_open_blocks(uuid,integer,integer,integer), public.scan_owner(uuid,uuid),
  public.scan_queue(uuid,integer,text), public.scan_release(uuid,integer), public.scan_renew(uuid,integer,integer),
  public.scan_requeue(integer,integer,integer), public.scan_store_block(uuid,text)
  from public, anon, authenticated;
grant execute on function
  nexscout.account_as_it_stands(uuid), nexscout.account_for_call(uuid,boolean),
  nexscout.add_lead_prospect(public.public_chat_sessions,public.chat_leads,jsonb),
  nexscout.add_ledger_row(uuid,integer,integer), nexscout.add_scan_status(uuid,text,integer,text),
  nexscout.admit(nexscout.reservation,public.user_energy,public.ai_tiers,timestamp with time zone),
  nexscout.calls_per_charge(text), nexscout.change_energy(uuid,integer,text,uuid),
  nexscout.charge(public.ai_requests,text,public.user_energy), nexscout.chat_company_parts(uuid),
  nexscout.chat_context(public.public_chat_sessions,public.chatbot_settings), nexscout.chat_flood_wait(uuid),
  nexscout.chat_knowledge(uuid,text), nexscout.chat_links(uuid), nexscout.chat_products(uuid),
  nexscout.chat_training(uuid),
  nexscout.choose(nexscout.reservation,public.user_energy,public.ai_tiers,public.ai_charge_groups),
  nexscout.claim_scan(uuid,integer,integer), nexscout.close_abandoned(uuid,uuid), nexscout.coins_free(uuid,uuid),
  nexscout.coins_held(uuid,uuid), nexscout.cost_bound_within(nexscout.reservation,integer),
  nexscout.count_paid_block(public.ai_requests,jsonb), nexscout.count_scan_block(public.scan_jobs,jsonb),
  nexscout.day_start(timestamp with time zone), nexscout.downgrade_reason(text,text,public.ai_tiers,boolean,boolean),
  nexscout.earlier_answer(nexscout.reservation,public.user_energy,timestamp with time zone),
  nexscout.earlier_call(public.ai_requests,text,timestamp with time zone),
  nexscout.end_hold(public.ai_requests,public.user_energy,jsonb,boolean,timestamp with time zone),
  nexscout.ended_scan(public.scans), nexscout.energy_held(uuid,uuid,uuid), nexscout.erase_jobs(integer),
  nexscout.erase_replies(integer), nexscout.expire_holds(uuid,timestamp with time zone),
  nexscout.fail_scan(public.scans,text,text), nexscout.fill_prospect(uuid,jsonb,jsonb),
  nexscout.find_earlier_call(nexscout.reservation,timestamp with time zone),
  nexscout.find_group(nexscout.reservation,timestamp with time zone), nexscout.give_up_scan(public.scans),
  nexscout.hold(nexscout.reservation,nexscout.choice,timestamp with time zone), nexscout.is_claimable(public.scan_jobs),
  nexscout.keep_contact(public.public_chat_sessions,jsonb), nexscout.known_prospect(uuid,uuid,jsonb),
  nexscout.leased_scan(uuid,integer,text[]), nexscout.lock_account(uuid), nexscout.lock_scan(uuid,uuid),
  nexscout.most_relevant(jsonb,text,integer), nexscout.next_chat_instant(uuid), nexscout.no_lease(uuid),
  nexscout.notify_scan(public.scan_jobs), nexscout.phone_key(text), nexscout.pin_user(uuid,boolean),
  nexscout.rate_limit_wait(nexscout.reservation,public.ai_tiers,timestamp with time zone),
  nexscout.read_reservation(text), nexscout.record_attempts(public.ai_requests,jsonb,timestamp with time zone),
  nexscout.record_late(public.ai_requests,public.user_energy,jsonb,timestamp with time zone),
  nexscout.refill(public.user_energy,public.ai_tiers,timestamp with time zone), nexscout.refill_due(uuid),
  nexscout.refusal(nexscout.outcome,jsonb), nexscout.refuse(nexscout.reservation,public.ai_tiers,nexscout.outcome,jsonb),
  nexscout.repeated(public.ai_requests,public.user_energy), nexscout.reply_with_figures(jsonb,integer,integer,boolean),
  nexscout.report_progress(uuid,text,integer,text), nexscout.reserved(public.ai_requests,public.user_energy),
  nexscout.resolve(uuid,jsonb,boolean), nexscout.resolved_before(public.ai_requests,public.user_energy),
  nexscout.scan_prospect_ids(uuid), nexscout.scan_reply(public.scan_jobs,jsonb), nexscout.scan_standing(public.scan_jobs),
  nexscout.scanned_metadata(public.scan_jobs,jsonb),
  nexscout.seconds_until_free(timestamp with time zone,timestamp with time zone),
  nexscout.shadow_cap_reached(nexscout.reservation,timestamp with time zone),
  nexscout.shadow_chat_context(public.public_chat_sessions,public.chatbot_settings,text), nexscout.shortened(jsonb),
  nexscout.spend_cap_reached(nexscout.reservation,public.ai_tiers,timestamp with time zone),
  nexscout.store_assistant_turn(uuid,jsonb), nexscout.store_chat_answer(uuid,jsonb,text),
  nexscout.store_chat_lead(public.public_chat_sessions,jsonb), nexscout.store_rows(public.ai_requests,jsonb,numeric),
  nexscout.store_scan_block(uuid,jsonb,text), nexscout.store_scan_item(public.scan_jobs,jsonb,text),
  nexscout.store_scan_items(public.scan_jobs,jsonb), nexscout.store_visitor_message(uuid,text),
  nexscout.sweep_accounts(integer), nexscout.sweep_requests(integer), nexscout.sweep_scans(integer),
  nexscout.take_coins(public.ai_requests,integer), nexscout.take_if_free(uuid), nexscout.tier_of(uuid),
  nexscout.visitor_may(nexscout.visitor_use,text,integer,numeric),
  nexscout.visitor_use_of(nexscout.reservation,timestamp with time zone), nexscout.watched_figures(),
  nexscout.write_resolution(public.ai_requests,jsonb,boolean,integer,timestamp with time zone),
  nexscout.write_usage(public.ai_requests,boolean,text,jsonb), public.ai_claim_job(uuid,integer),
  public.ai_configuration_of(uuid), public.ai_enqueue_job(text), public.ai_finish_job(uuid,integer,integer,text),
  public.ai_note_attempt(uuid,integer,text,text,text), public.ai_prospect_of(uuid,uuid), public.ai_release(uuid,text),
  public.ai_requeue_jobs(integer,integer,integer), public.ai_reserve(text), public.ai_settle(uuid,text),
  public.ai_sweep(integer), public.assistant_open(uuid,text), public.chat_answer(uuid,text),
  public.chat_open(uuid,uuid,text,text), public.scan_accept(uuid,uuid,text,text,integer),
  public.scan_add_blocks(uuid,integer,integer,text), public.scan_claim(uuid,integer,integer),
  public.scan_fail(uuid,uuid,text,text,integer), public.scan_finish(uuid,integer,text),
  public.scan_open_blocks(uuid,integer,integer,integer), public.scan_owner(uuid,uuid),
  public.scan_queue(uuid,integer,text), public.scan_release(uuid,integer), public.scan_renew(uuid,integer,integer),
  public.scan_requeue(integer,integer,integer), public.scan_store_block(uuid,text)
  to service_role;
revoke all on function
  public.load_ai_configuration(), public.load_assistant_material(uuid,uuid)
  from public, anon, service_role;
grant execute on function
  public.load_ai_configuration(), public.load_assistant_material(uuid,uuid)
  to authenticated;
revoke all on function
  nexscout.ai_configuration(uuid), nexscout.day_of(timestamp with time zone), nexscout.may_read_usage_of(uuid),
  nexscout.month_start(timestamp with time zone), nexscout.prospect_figures(uuid),
  public.get_user_monthly_ai_cost(uuid,timestamp with time zone),
  public.get_user_monthly_tokens(uuid,timestamp with time zone), public.get_user_total_ai_cost(uuid)
  from public, anon;
grant execute on function
  nexscout.ai_configuration(uuid), nexscout.day_of(timestamp with time zone), nexscout.may_read_usage_of(uuid),
  nexscout.month_start(timestamp with time zone), nexscout.prospect_figures(uuid),
  public.get_user_monthly_ai_cost(uuid,timestamp with time zone),
  public.get_user_monthly_tokens(uuid,timestamp with time zone), public.get_user_total_ai_cost(uuid)
  to authenticated, service_role;
revoke all on function nexscout.is_admin() from public;
grant execute on function nexscout.is_admin() to anon, authenticated, service_role;
revoke all on schema nexscout from public;
grant usage on schema nexscout to anon, authenticated, service_role;
revoke all on table
  public.ai_charge_groups, public.scan_blocks
  from public, anon, authenticated;
grant all on table
  public.ai_charge_groups, public.scan_blocks
  to service_role;
revoke all on table
  public.ai_settings, public.ai_system_instructions
  from public, anon, authenticated;
grant all on table
  public.ai_settings, public.ai_system_instructions
  to service_role;
grant delete, insert, select, update on table
  public.ai_settings, public.ai_system_instructions
  to authenticated;
revoke all on table public.assistant_conversations from public, anon, authenticated;
grant all on table public.assistant_conversations to service_role;
grant delete, select on table public.assistant_conversations to authenticated;
revoke all on table
  public.ai_config_versions, public.ai_jobs, public.ai_requests, public.ai_usage_attempts, public.ai_usage_logs,
  public.assistant_messages, public.chat_leads, public.scan_jobs
  from public, anon, authenticated;
grant all on table
  public.ai_config_versions, public.ai_jobs, public.ai_requests, public.ai_usage_attempts, public.ai_usage_logs,
  public.assistant_messages, public.chat_leads, public.scan_jobs
  to service_role;
grant select on table
  public.ai_config_versions, public.ai_jobs, public.ai_requests, public.ai_usage_attempts, public.ai_usage_logs,
  public.assistant_messages, public.chat_leads, public.scan_jobs
  to authenticated;
revoke all on table
  public.ai_model_usage_stats, public.daily_ai_usage_summary, public.monthly_ai_usage_by_user
  from public, anon, authenticated;
grant all on table
  public.ai_model_usage_stats, public.daily_ai_usage_summary, public.monthly_ai_usage_by_user
  to service_role;
grant select on table
  public.ai_model_usage_stats, public.daily_ai_usage_summary, public.monthly_ai_usage_by_user
  to authenticated;

reset check_function_bodies;
