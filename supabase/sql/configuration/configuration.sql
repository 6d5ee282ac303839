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
