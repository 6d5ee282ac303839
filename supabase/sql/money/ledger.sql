-- The balance of a user is one row; every change of it is a ledger row, whoever makes it.

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

-- An account that is older than the ledger gets its opening row in the statement that begins to watch it, under a lock:
-- no balance changes between the two.
do $$
begin
  lock table public.user_energy in share row exclusive mode;

  insert into public.energy_transactions (user_id, type, reason, energy, balance_after, delta)
  select e.user_id, 'credit', 'opening', abs(e.current_energy), e.current_energy, e.current_energy
  from public.user_energy e
  where not exists (
    select 1 from public.energy_transactions t where t.user_id = e.user_id and t.delta is not null
  );

  create or replace trigger record_energy_change after insert or update or delete on public.user_energy
  for each row execute function nexscout.record_energy_change();
end
$$;
