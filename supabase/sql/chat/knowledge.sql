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
