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
