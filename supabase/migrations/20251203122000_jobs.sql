-- Work that takes longer than a request: asked for, leased by one worker at a time, answered once.

create table if not exists public.ai_jobs (
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  function_name text not null,
  body jsonb,
  body_hash text not null,
  idempotency_key text,
  state text not null default 'queued' check (state in ('queued', 'running', 'done')),
  tries integer not null default 0 check (tries >= 0),
  sends integer not null default 0 check (sends >= 0),
  sent_at timestamptz not null default now(),
  lease_until timestamptz,
  reply jsonb,
  reply_status integer,
  created_at timestamptz not null default now(),
  finished_at timestamptz
);
comment on table public.ai_jobs is
  'Requests answered later (Prefer: respond-async); id is the requestId that the caller was given';
comment on column public.ai_jobs.body is 'What was asked; erased with the reply after reply_retention_hours';
comment on column public.ai_jobs.sends is 'Messages sent for it again since its last claim; sent_at is the newest';
comment on column public.ai_jobs.lease_until is 'Until then the job belongs to the worker that claimed it last';
create unique index if not exists ai_jobs_idempotency_idx
  on public.ai_jobs (user_id, idempotency_key) where idempotency_key is not null;
create index if not exists ai_jobs_user_created_idx on public.ai_jobs (user_id, created_at desc);
create index if not exists ai_jobs_open_idx on public.ai_jobs (created_at) where state <> 'done';
create index if not exists ai_jobs_finished_idx on public.ai_jobs (finished_at) where body is not null;

alter table public.ai_jobs enable row level security;
