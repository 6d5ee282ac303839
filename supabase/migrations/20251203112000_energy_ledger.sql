-- What the app's table of energy transactions lacks to be a ledger.

alter table public.energy_transactions add column if not exists delta integer;
alter table public.energy_transactions add column if not exists request_id uuid;
comment on column public.energy_transactions.delta is
  'Signed change of the balance; the deltas of a user sum to current_energy. Null in rows older than the ledger and in rows written by clients';
comment on column public.energy_transactions.request_id is 'The ai_requests row that caused the change, if one did';
create index if not exists energy_transactions_user_created_idx on public.energy_transactions (user_id, created_at desc);
