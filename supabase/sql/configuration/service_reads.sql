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
