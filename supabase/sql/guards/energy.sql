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
