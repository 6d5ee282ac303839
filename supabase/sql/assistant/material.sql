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
