-- The ledger is only added to, and a client's row in it never counts.

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

create or replace trigger guard_ledger_insert before insert on public.energy_transactions
for each row execute function nexscout.guard_ledger_insert();

create or replace trigger keep_ledger_rows before update or delete on public.energy_transactions
for each row execute function nexscout.keep_ledger_rows();

create or replace trigger refuse_truncate before truncate on public.energy_transactions
for each statement execute function nexscout.refuse_truncate();

create or replace trigger refuse_truncate before truncate on public.user_energy
for each statement execute function nexscout.refuse_truncate();
