-- The work on a scan, and the indexes by which it finds who is a prospect already.

create table if not exists public.scan_jobs (
  scan_id uuid primary key references public.scans (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  scan_type text,
  input_hash text,
  state text not null default 'accepting' check (state in ('accepting', 'queued', 'running', 'done', 'failed')),
  lease integer not null default 0 check (lease >= 0),
  lease_seconds integer not null default 0 check (lease_seconds >= 0),
  lease_until timestamptz,
  tries integer not null default 0 check (tries >= 0),
  sends integer not null default 0 check (sends >= 0),
  percent integer not null default -1 check (percent between -1 and 100),
  blocks_total integer not null default 0 check (blocks_total >= 0),
  blocks_done integer not null default 0 check (blocks_done between 0 and blocks_total),
  blocks_at_claim integer not null default 0 check (blocks_at_claim >= 0),
  by_rules integer not null default 0 check (by_rules >= 0),
  partial_reason text,
  items integer not null default 0 check (items >= 0),
  hot integer not null default 0 check (hot >= 0),
  warm integer not null default 0 check (warm >= 0),
  cold integer not null default 0 check (cold >= 0),
  merged integer not null default 0 check (merged >= 0),
  duplicates integer not null default 0 check (duplicates >= 0),
  dropped_values integer not null default 0 check (dropped_values >= 0),
  energy_charged integer not null default 0 check (energy_charged >= 0),
  cost_usd numeric(20, 12) not null default 0 check (cost_usd >= 0),
  facts jsonb not null default '{}',
  failure_code text,
  failure text,
  reply jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.scan_jobs is 'The work on a scan: accepting its input, queued, running under a lease, then done or failed, never back';
comment on column public.scan_jobs.lease is 'Number of the newest lease; an older one is lost';
comment on column public.scan_jobs.tries is 'Claims since the last one that finished a block';
comment on column public.scan_jobs.sends is 'Messages sent for it since its last claim';
comment on column public.scan_jobs.percent is 'The highest percent told in scan_status; -1 before the first row';
comment on column public.scan_jobs.by_rules is 'Blocks that the rules scored because no model could; partial_reason says why';
comment on column public.scan_jobs.merged is 'Items of people who were prospects already, of this scan or of before';
comment on column public.scan_jobs.duplicates is 'Records of the input that were left out as repeats';
comment on column public.scan_jobs.dropped_values is 'Values of the model without evidence in the input';
comment on column public.scan_jobs.energy_charged is 'Energy of the stored blocks; given back when the scan fails';
comment on column public.scan_jobs.cost_usd is 'USD of the calls behind the stored blocks; calls that gave nothing are in ai_usage_logs';
create index if not exists scan_jobs_user_created_idx on public.scan_jobs (user_id, created_at desc);
create index if not exists scan_jobs_open_idx on public.scan_jobs (updated_at)
  where state in ('accepting', 'queued', 'running');

create table if not exists public.scan_blocks (
  scan_id uuid not null references public.scans (id) on delete cascade,
  ordinal integer not null check (ordinal >= 0),
  records jsonb,
  state text not null default 'open' check (state in ('open', 'done')),
  scored_by text check (scored_by in ('model', 'rules')),
  model text,
  items integer,
  prospect_ids uuid[],
  primary key (scan_id, ordinal)
);
comment on table public.scan_blocks is 'At most 50 records of a scan, done once; the records are erased with that';
comment on column public.scan_blocks.prospect_ids is
  'The prospects of the block''s items; gathered into scans at the end, for rewriting that array with each block costs its square';

alter table public.scan_jobs enable row level security;
alter table public.scan_blocks enable row level security;

-- Who is known already. The keys are made by the server's own functions alone, so that whoever may write a prospect may
-- write its index, and they are cut, so that no long value is refused by an index. The user stands inside the key: a
-- plan that was made while the table was small then has no other index to take, and keeps to this one when it has grown.
create index if not exists prospects_phone_end_idx on public.prospects
  ((user_id::text || '/' || right(regexp_replace(phone, '[^0-9]', '', 'g'), 9))) where phone is not null;
create index if not exists prospects_email_idx on public.prospects
  ((user_id::text || '/' || left(lower(btrim(email)), 320))) where email is not null;
create index if not exists prospects_name_idx on public.prospects
  ((user_id::text || '/' || left(lower(regexp_replace(btrim(full_name), '\s+', ' ', 'g')), 200)
    || e'\n' || left(coalesce(nullif(lower(btrim(company)), ''), metadata ->> 'scan_id', ''), 200)),
   (coalesce(phone, '') = ''), (coalesce(email, '') = ''));
