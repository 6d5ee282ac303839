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
