-- The balance of a user is one row; every change of it is a ledger row, whoever makes it.

alter table public.energy_transactions add column if not exists delta integer;
alter table public.energy_transactions add column if not exists request_id uuid;
comment on column public.energy_transactions.delta is
  'Signed change of the balance; the deltas of a user sum to current_energy. Null in rows older than the ledger and in rows written by clients';
comment on column public.energy_transactions.request_id is 'The ai_requests row that caused the change, if one did';
create index if not exists energy_transactions_user_created_idx on public.energy_transactions (user_id, created_at desc);

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

revoke all on function nexscout.add_ledger_row(uuid, integer, integer), nexscout.record_energy_change(),
  nexscout.change_energy(uuid, integer, text, uuid), nexscout.keep_ledger_rows(), nexscout.refuse_truncate(),
  nexscout.guard_energy_row(), nexscout.guard_profile_money(), nexscout.guard_ledger_insert()
  from public, anon, authenticated;
grant execute on function nexscout.add_ledger_row(uuid, integer, integer),
  nexscout.change_energy(uuid, integer, text, uuid) to service_role;

-- One statement, so that no balance changes between the opening rows and the trigger that follows them.
do $$
begin
  lock table public.user_energy in share row exclusive mode;

  create or replace trigger guard_energy_row before insert or update on public.user_energy
    for each row execute function nexscout.guard_energy_row();
  create or replace trigger guard_profile_money before insert or update on public.profiles
    for each row execute function nexscout.guard_profile_money();
  create or replace trigger guard_ledger_insert before insert on public.energy_transactions
    for each row execute function nexscout.guard_ledger_insert();

  insert into public.energy_transactions (user_id, type, reason, energy, balance_after, delta)
  select e.user_id, 'credit', 'opening', abs(e.current_energy), e.current_energy, e.current_energy
  from public.user_energy e
  where not exists (
    select 1 from public.energy_transactions t where t.user_id = e.user_id and t.delta is not null
  );

  create or replace trigger record_energy_change after insert or update or delete on public.user_energy
    for each row execute function nexscout.record_energy_change();
  create or replace trigger keep_ledger_rows before update or delete on public.energy_transactions
    for each row execute function nexscout.keep_ledger_rows();
  create or replace trigger refuse_truncate before truncate on public.energy_transactions
    for each statement execute function nexscout.refuse_truncate();
  create or replace trigger refuse_truncate before truncate on public.user_energy
    for each statement execute function nexscout.refuse_truncate();
end
$$;

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

revoke all on function nexscout.lock_account(uuid), nexscout.account_as_it_stands(uuid), nexscout.pin_user(uuid, boolean),
  nexscout.refill(public.user_energy, public.ai_tiers, timestamptz) from public, anon, authenticated;
grant execute on function nexscout.lock_account(uuid), nexscout.account_as_it_stands(uuid), nexscout.pin_user(uuid, boolean),
  nexscout.refill(public.user_energy, public.ai_tiers, timestamptz) to service_role;
