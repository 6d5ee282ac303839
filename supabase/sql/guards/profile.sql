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
