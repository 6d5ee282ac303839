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
