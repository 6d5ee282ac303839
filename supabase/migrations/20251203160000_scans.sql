-- Scans: input is accepted as blocks of records, a worker leases the scan, each block becomes items and prospects once.
-- Locks, where several are taken: user, account, request, scan, job, block.

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
revoke all on public.scan_jobs, public.scan_blocks from anon, authenticated;
grant select on public.scan_jobs to authenticated;
drop policy if exists "Users read their own scan jobs" on public.scan_jobs;
create policy "Users read their own scan jobs" on public.scan_jobs
  for select to authenticated using (user_id = (select auth.uid()));

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

create or replace function nexscout.phone_key(p_phone text) returns text
language sql immutable set search_path = '' as $$
  select case
    when length(d.digits) < 7 or d.digits ~ '^(.)\1*$' then null
    when d.digits ~ '^(0063|63)?0?9[0-9]{9}$' then right(d.digits, 10)
    when d.digits ~ '^(0063|63)0?[2-8][0-9]{8}$' or d.digits ~ '^0[2-8][0-9]{8}$' then right(d.digits, 9)
    when d.digits ~ '^00' then substr(d.digits, 3)
    else d.digits
  end
  from (select regexp_replace(p_phone, '[^0-9]', '', 'g') as digits) d
$$;
comment on function nexscout.phone_key is
  'What the ways of writing one number have in common: the national digits of a Philippine number, else all digits; null where that is no number';

create or replace function nexscout.known_prospect(p_user_id uuid, p_scan_id uuid, p_item jsonb) returns uuid
language plpgsql stable set search_path = '' set enable_seqscan = off as $$
declare
  v_phone text := nexscout.phone_key(p_item ->> 'phone');
  v_email text := nullif(left(lower(btrim(p_item ->> 'email')), 320), '');
  v_name text := nullif(left(lower(regexp_replace(btrim(p_item ->> 'name'), '\s+', ' ', 'g')), 200), '');
  v_company text := left(coalesce(nullif(lower(btrim(p_item ->> 'company')), ''), p_scan_id::text), 200);
  v_id uuid;
begin
  -- Materialized: an index in the order of creation is no way to find one person.
  if v_phone is not null then
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.phone is not null
        and p.user_id::text || '/' || right(regexp_replace(p.phone, '[^0-9]', '', 'g'), 9)
          = p_user_id::text || '/' || right(v_phone, 9)
        and nexscout.phone_key(p.phone) = v_phone
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  if v_id is null and v_email is not null then
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.email is not null
        and p.user_id::text || '/' || left(lower(btrim(p.email)), 320) = p_user_id::text || '/' || v_email
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  if v_id is null and v_name is not null then
    -- Namesakes with another number or address are others. The bounds are lists, so that the index takes them.
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.user_id::text || '/' || left(lower(regexp_replace(btrim(p.full_name), '\s+', ' ', 'g')), 200)
          || e'\n' || left(coalesce(nullif(lower(btrim(p.company)), ''), p.metadata ->> 'scan_id', ''), 200)
          = p_user_id::text || '/' || v_name || e'\n' || v_company
        and (coalesce(p.phone, '') = '') = any (array[true, v_phone is not null])
        and (coalesce(p.email, '') = '') = any (array[true, v_email is not null])
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  return v_id;
end
$$;
comment on function nexscout.known_prospect is
  'The oldest prospect of the user that an item speaks of: by phone, else e-mail, else name with the same company, or with none in the same scan; null when there is none';

create or replace function nexscout.fill_prospect(p_prospect_id uuid, p_item jsonb, p_metadata jsonb) returns void
language plpgsql set search_path = '' set enable_seqscan = off as $$
declare
  v_old public.prospects;
  v_new public.prospects;
begin
  -- A row that somebody is just changing or deleting is his: waiting for it could be a deadlock.
  select * into v_old from public.prospects where id = p_prospect_id for no key update skip locked;
  v_new := v_old;
  if coalesce(btrim(v_old.phone), '') = '' then
    v_new.phone := coalesce(p_item ->> 'phone', v_old.phone);
  end if;
  if coalesce(btrim(v_old.email), '') = '' then
    v_new.email := coalesce(p_item ->> 'email', v_old.email);
  end if;
  if coalesce(btrim(v_old.company), '') = '' then
    v_new.company := coalesce(p_item ->> 'company', v_old.company);
  end if;
  if v_old.id is not null and coalesce(v_old.metadata, '{}') = '{}' then
    v_new.metadata := p_metadata;
  end if;
  if (v_new.phone, v_new.email, v_new.company, v_new.metadata)
    is distinct from (v_old.phone, v_old.email, v_old.company, v_old.metadata) then
    update public.prospects set phone = v_new.phone, email = v_new.email, company = v_new.company,
      metadata = v_new.metadata, updated_at = clock_timestamp()
    where id = v_old.id;
  end if;
exception when others then
  -- A trigger of the app that refuses the change keeps the prospect as it is; the item tells all the same.
  raise warning 'scan: prospect % is not filled: %', p_prospect_id, sqlstate;
end
$$;
comment on function nexscout.fill_prospect is 'Gives a known prospect what it has nothing in; what stands there is never overwritten';

create or replace function nexscout.scanned_metadata(p_job public.scan_jobs, p_item jsonb) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object(
    'scout_score', p_item -> 'score', 'bucket', p_item ->> 'bucket', 'temperature', p_item ->> 'bucket',
    'tags', coalesce(nullif(p_item -> 'keywords', 'null'), '[]'),
    'pain_points', coalesce(nullif(p_item -> 'pain_points', 'null'), '[]'),
    'interests', coalesce(nullif(p_item -> 'interests', 'null'), '[]'),
    'scan_id', p_job.scan_id, 'scan_source', p_job.scan_type)
$$;
comment on function nexscout.scanned_metadata is 'What a prospect keeps of the item it came from';

create or replace function nexscout.store_scan_item(p_job public.scan_jobs, p_item jsonb, p_scored_by text,
  out prospect_id uuid, out known boolean)
language plpgsql set search_path = '' as $$
declare
  v_name text := coalesce(nullif(btrim(p_item ->> 'name'), ''), nullif(p_item ->> 'email', ''),
    nullif(p_item ->> 'phone', ''));
  v_metadata jsonb := nexscout.scanned_metadata(p_job, p_item);
begin
  prospect_id := nexscout.known_prospect(p_job.user_id, p_job.scan_id, p_item);
  known := prospect_id is not null;
  if known then
    perform nexscout.fill_prospect(prospect_id, p_item, v_metadata);
  elsif v_name is not null then
    insert into public.prospects (user_id, full_name, email, phone, company, source, pipeline_stage, lead_temperature, metadata)
    values (p_job.user_id, v_name, p_item ->> 'email', p_item ->> 'phone', p_item ->> 'company', 'scan', 'discover',
      p_item ->> 'bucket', v_metadata)
    returning id into prospect_id;
  end if;
  insert into public.scan_processed_items (scan_id, type, name, content, score, metadata, created_at)
  values (p_job.scan_id, 'text', p_item ->> 'name', p_item ->> 'content', (p_item ->> 'score')::numeric,
    (p_item - '{name,content,score}'::text[]) || jsonb_build_object(
      'scored_by', coalesce(p_item ->> 'scored_by', p_scored_by), 'prospect_id', prospect_id)
    || case when known then jsonb_build_object('duplicate_of', prospect_id) else '{}' end,
    clock_timestamp());
end
$$;
comment on function nexscout.store_scan_item is
  'One item, and its prospect: a known one is filled, a new one made where there is a name or a contact; the account row must be locked';

create or replace function nexscout.add_scan_status(p_scan_id uuid, p_step text, p_percent integer, p_message text)
returns void
language sql set search_path = '' as $$
  -- A row that the page wrote by a clock of its own may be a little ahead; one that is far ahead is no time.
  insert into public.scan_status (scan_id, step, percent, message, updated_at)
  select p_scan_id, p_step, p_percent, p_message, greatest(clock_timestamp(), max(s.updated_at) + interval '1 microsecond')
  from public.scan_status s
  where s.scan_id = p_scan_id and s.updated_at < clock_timestamp() + interval '1 day'
$$;
comment on function nexscout.add_scan_status is 'A row for pollers, later than all rows of the scan, which must be locked';

create or replace function nexscout.tell_progress(p_scan_id uuid, p_step text, p_percent integer, p_message text)
returns void
language plpgsql set search_path = '' as $$
begin
  update public.scan_jobs set percent = p_percent where scan_id = p_scan_id and percent < p_percent;
  if found then
    perform nexscout.add_scan_status(p_scan_id, p_step, p_percent, p_message);
  end if;
end
$$;
comment on function nexscout.tell_progress is 'Tells pollers of a step, if its percent is higher than all before';

create or replace function nexscout.lock_scan(p_scan_id uuid, p_user_id uuid) returns public.scans
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans;
begin
  select * into v_scan from public.scans where id = p_scan_id and (p_user_id is null or user_id = p_user_id);
  if not found or not nexscout.pin_user(v_scan.user_id) then
    return null;
  end if;
  select * into v_scan from public.scans where id = p_scan_id and user_id = v_scan.user_id for no key update;
  return v_scan;
end
$$;
comment on function nexscout.lock_scan is
  'Locks a scan, of one user or (null) of whoever owns it, before any other row of it: a deletion takes it first too. Null when there is none';

create or replace function nexscout.leased_scan(p_scan_id uuid, p_lease integer, p_states text[]) returns public.scan_jobs
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs;
begin
  if (nexscout.lock_scan(p_scan_id, null)).id is not null then
    select * into v_job from public.scan_jobs
    where scan_id = p_scan_id and lease = p_lease and state = any (p_states) for update;
  end if;
  return v_job;
end
$$;
comment on function nexscout.leased_scan is 'Locks a scan and its job for the holder of its newest lease; null for anybody else';

create or replace function nexscout.no_lease(p_scan_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('outcome', (case when exists (select from public.scan_jobs where scan_id = p_scan_id)
    then 'lease_lost' else 'scan_not_found' end)::nexscout.outcome)
$$;
comment on function nexscout.no_lease is 'Why there was no lease: another has it or the work has ended, or the scan is gone';

create or replace function nexscout.told_scan(p_job public.scan_jobs) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object(
    'outcome', (case when p_job.state in ('done', 'failed') then p_job.state else 'running' end)::nexscout.outcome,
    'user_id', p_job.user_id, 'lease', null, 'reply', p_job.reply,
    'code', p_job.failure_code, 'sentence', p_job.failure)
$$;
comment on function nexscout.told_scan is 'How a scan stands, for whoever comes second';

create or replace function public.scan_accept(p_scan_id uuid, p_user_id uuid, p_scan_type text, p_input_hash text,
  p_lease_seconds integer) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans := nexscout.lock_scan(p_scan_id, p_user_id);
  v_job public.scan_jobs;
begin
  if v_scan.id is null then
    return jsonb_build_object('outcome', 'scan_not_found'::nexscout.outcome);
  end if;
  select * into v_job from public.scan_jobs where scan_id = p_scan_id for update;
  if v_job.state <> 'accepting' or v_job.lease_until > clock_timestamp() then
    return nexscout.told_scan(v_job);
  end if;
  if v_scan.status in ('completed', 'failed') then
    return nexscout.told_scan(nexscout.ended_scan(v_scan));
  end if;
  delete from public.scan_blocks where scan_id = p_scan_id;
  insert into public.scan_jobs as j (scan_id, user_id, scan_type, input_hash, lease, lease_seconds, lease_until)
  values (p_scan_id, v_scan.user_id, p_scan_type, p_input_hash, 1, p_lease_seconds,
    clock_timestamp() + make_interval(secs => p_lease_seconds))
  on conflict (scan_id) do update set
    scan_type = excluded.scan_type, input_hash = excluded.input_hash, lease = j.lease + 1, blocks_total = 0,
    lease_seconds = excluded.lease_seconds, lease_until = excluded.lease_until, updated_at = clock_timestamp()
  returning * into v_job;
  update public.scans set status = 'processing' where id = p_scan_id and status is distinct from 'processing';
  perform nexscout.tell_progress(p_scan_id, 'queued', 0, 'Your scan has arrived.');
  return jsonb_build_object('outcome', 'accepted'::nexscout.outcome, 'user_id', v_job.user_id, 'lease', v_job.lease);
end
$$;
comment on function public.scan_accept is
  'Begins a scan, of the user or (null) of its owner, once: the first caller gets a lease to send its blocks under, a later one is told how it stands. For the service key only';

create or replace function nexscout.ended_scan(p_scan public.scans) returns public.scan_jobs
language sql stable set search_path = '' as $$
  select jsonb_populate_record(null::public.scan_jobs, jsonb_build_object(
    'scan_id', p_scan.id, 'user_id', p_scan.user_id,
    'state', case p_scan.status when 'completed' then 'done' else 'failed' end,
    'failure_code', case p_scan.status when 'failed' then 'scan_failed' end,
    'failure', case p_scan.status when 'failed' then 'This scan has failed. Please start a new one.' end,
    'reply', case p_scan.status when 'completed' then jsonb_build_object('success', true, 'scanId', p_scan.id,
      'prospectsFound', p_scan.total_items, 'hot', p_scan.hot_leads, 'warm', p_scan.warm_leads,
      'cold', p_scan.cold_leads, 'meta', '{}'::jsonb) end))
$$;
comment on function nexscout.ended_scan is 'How a scan stands that ended without a job of ours: the app that was before left it so';

create or replace function public.scan_add_blocks(p_scan_id uuid, p_lease integer, p_first_ordinal integer, p_blocks text)
returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_blocks jsonb := p_blocks::jsonb;
  v_job public.scan_jobs := nexscout.leased_scan(p_scan_id, p_lease, '{accepting}');
begin
  if v_job.scan_id is null then
    return nexscout.no_lease(p_scan_id);
  end if;
  insert into public.scan_blocks (scan_id, ordinal, records)
  select p_scan_id, p_first_ordinal + b.place - 1, b.records
  from jsonb_array_elements(v_blocks) with ordinality as b (records, place)
  on conflict do nothing;
  update public.scan_jobs set
    blocks_total = greatest(blocks_total, p_first_ordinal + jsonb_array_length(v_blocks)),
    lease_until = clock_timestamp() + make_interval(secs => lease_seconds), updated_at = clock_timestamp()
  where scan_id = p_scan_id;
  perform nexscout.tell_progress(p_scan_id, 'extracting_text', 5, 'Reading your input.');
  return jsonb_build_object('outcome', 'stored'::nexscout.outcome);
end
$$;
comment on function public.scan_add_blocks is
  'Adds blocks of records from an ordinal on, each ordinal once, and lengthens the lease. For the service key only';

create or replace function public.scan_queue(p_scan_id uuid, p_lease integer, p_facts text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs := nexscout.leased_scan(p_scan_id, p_lease, '{accepting,queued}');
  v_facts jsonb := coalesce(p_facts::jsonb, '{}');
begin
  if v_job.scan_id is null then
    return nexscout.no_lease(p_scan_id);
  end if;
  if v_job.state = 'accepting' then
    if v_job.blocks_total <> (select count(*) from public.scan_blocks where scan_id = p_scan_id) then
      raise exception 'scan_queue: a block of % is missing', p_scan_id using errcode = 'invalid_parameter_value';
    end if;
    update public.scan_jobs set state = 'queued', lease_until = null, facts = v_facts,
      duplicates = coalesce((v_facts ->> 'duplicates')::integer, 0), updated_at = clock_timestamp()
    where scan_id = p_scan_id;
    perform nexscout.tell_progress(p_scan_id, 'extracting_text', 20, 'Your input has been read.');
    perform nexscout.tell_progress(p_scan_id, 'detecting_prospects', 40, 'Looking for people.');
  end if;
  return jsonb_build_object('outcome', 'queued'::nexscout.outcome, 'blocks_total', v_job.blocks_total);
end
$$;
comment on function public.scan_queue is
  'All blocks are there: from now on a worker may claim the scan. facts (duplicates and what else is known of the input) go into the reply''s meta. For the service key only';

create or replace function nexscout.is_claimable(p_job public.scan_jobs) returns boolean
language sql volatile set search_path = '' as $$
  select p_job.state = 'queued' or (p_job.state = 'running' and p_job.lease_until <= clock_timestamp())
$$;
comment on function nexscout.is_claimable is 'Whether nobody works on a scan that waits for a worker';

create or replace function nexscout.claim_scan(p_scan_id uuid, p_lease_seconds integer, p_most_tries integer)
returns public.scan_jobs
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans;
  v_job public.scan_jobs;
begin
  -- Nothing here waits, so that several scans may be locked one after another.
  select * into v_scan from public.scans where id = p_scan_id for no key update skip locked;
  select * into v_job from public.scan_jobs where scan_id = v_scan.id for update skip locked;
  if not coalesce(nexscout.is_claimable(v_job), false) then
    return null;
  end if;
  if v_job.tries >= p_most_tries and v_job.blocks_done = v_job.blocks_at_claim then
    if nexscout.take_if_free(v_job.user_id) then
      perform nexscout.fail_scan(v_scan, 'scan_failed', 'The scan could not be completed. Please try again.');
      v_job.state := 'failed';
      return v_job;
    end if;
    return null;
  end if;
  update public.scan_jobs j set state = 'running', lease = j.lease + 1, lease_seconds = p_lease_seconds,
    lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds), sends = 0,
    tries = case when j.blocks_done > j.blocks_at_claim then 1 else j.tries + 1 end,
    blocks_at_claim = j.blocks_done, updated_at = clock_timestamp()
  where j.scan_id = p_scan_id returning * into v_job;
  perform nexscout.tell_progress(p_scan_id, 'scoring', 45, 'Scoring the people found.');
  return v_job;
end
$$;
comment on function nexscout.claim_scan is
  'Leases a scan that nobody works on, or fails one whose tries are used up; null when there is nothing to do now';

create or replace function public.scan_claim(p_scan_id uuid, p_lease_seconds integer, p_most_tries integer)
returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs := nexscout.claim_scan(p_scan_id, p_lease_seconds, p_most_tries);
begin
  if v_job.state is distinct from 'running' then
    return jsonb_build_object('outcome', coalesce(v_job.state, 'in_progress')::nexscout.outcome);
  end if;
  return jsonb_build_object('outcome', 'running'::nexscout.outcome, 'user_id', v_job.user_id, 'lease', v_job.lease);
end
$$;
comment on function public.scan_claim is
  'Leases a scan that waits to a worker, or fails one that p_most_tries claims brought no further; else there is nothing to do now. For the service key only';

create or replace function public.scan_open_blocks(p_scan_id uuid, p_lease integer, p_after integer, p_limit integer)
returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  if not exists (
    select from public.scan_jobs where scan_id = p_scan_id and lease = p_lease and state = 'running'
  ) then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', 'running'::nexscout.outcome, 'blocks', (
    select coalesce(jsonb_agg(jsonb_build_object('ordinal', b.ordinal, 'records', b.records) order by b.ordinal), '[]')
    from (
      select ordinal, records from public.scan_blocks
      where scan_id = p_scan_id and ordinal > coalesce(p_after, -1) and state = 'open'
      order by ordinal limit p_limit
    ) b));
end
$$;
comment on function public.scan_open_blocks is
  'The next open blocks behind an ordinal, for the holder of the lease. For the service key only';

create or replace function public.scan_renew(p_scan_id uuid, p_lease integer, p_lease_seconds integer) returns jsonb
language plpgsql set search_path = '' as $$
begin
  update public.scan_jobs set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
  where scan_id = p_scan_id and lease = p_lease and state in ('accepting', 'running');
  if not found then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', 'running'::nexscout.outcome);
end
$$;
comment on function public.scan_renew is 'Lengthens a lease, also one that ran out and that nobody took. For the service key only';

create or replace function public.scan_release(p_scan_id uuid, p_lease integer) returns jsonb
language plpgsql set search_path = '' as $$
begin
  update public.scan_jobs set state = 'queued', lease_until = null, updated_at = clock_timestamp()
  where scan_id = p_scan_id and lease = p_lease and state in ('running', 'queued');
  if not found then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', 'queued'::nexscout.outcome);
end
$$;
comment on function public.scan_release is 'Gives a scan back unfinished; the next claim goes on with its open blocks. For the service key only';

create or replace function nexscout.store_scan_items(p_job public.scan_jobs, p jsonb) returns public.scan_jobs
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs := p_job;
  v_item jsonb;
  v_stored record;
  v_prospects uuid[] := '{}';
begin
  for v_item in select * from jsonb_array_elements(p -> 'items') loop
    v_stored := nexscout.store_scan_item(p_job, v_item, p ->> 'scored_by');
    v_job.items := v_job.items + 1;
    v_job.merged := v_job.merged + v_stored.known::integer;
    v_job.hot := v_job.hot + (v_item ->> 'bucket' = 'hot')::integer;
    v_job.warm := v_job.warm + (v_item ->> 'bucket' = 'warm')::integer;
    v_job.cold := v_job.cold + (v_item ->> 'bucket' = 'cold')::integer;
    v_prospects := v_prospects || v_stored.prospect_id;
  end loop;
  update public.scan_blocks set items = v_job.items - p_job.items,
    prospect_ids = array(select distinct known.id from unnest(v_prospects) as known (id) where known.id is not null)
  where scan_id = p_job.scan_id and ordinal = (p ->> 'ordinal')::integer;
  return v_job;
end
$$;
comment on function nexscout.store_scan_items is 'Stores the items of a block; returns the job with the counts that it then has';

create or replace function nexscout.count_scan_block(p_job public.scan_jobs, p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs;
begin
  update public.scan_jobs j set
    blocks_done = j.blocks_done + 1, items = p_job.items, merged = p_job.merged,
    hot = p_job.hot, warm = p_job.warm, cold = p_job.cold,
    by_rules = j.by_rules + (p ->> 'scored_by' = 'rules')::integer,
    partial_reason = coalesce(p ->> 'partial_reason', j.partial_reason),
    dropped_values = j.dropped_values + coalesce((p ->> 'dropped')::integer, 0),
    energy_charged = j.energy_charged + coalesce((p ->> 'energy')::integer, 0),
    cost_usd = j.cost_usd + coalesce((p ->> 'cost_usd')::numeric, 0), updated_at = clock_timestamp()
  where j.scan_id = p_job.scan_id returning * into v_job;
  update public.scans set total_items = v_job.items, hot_leads = v_job.hot, warm_leads = v_job.warm, cold_leads = v_job.cold
  where id = v_job.scan_id;
  perform nexscout.tell_progress(v_job.scan_id, 'scoring', 45 + 30 * v_job.blocks_done / v_job.blocks_total,
    format('%s people scored.', v_job.items));
end
$$;
comment on function nexscout.count_scan_block is 'Adds a stored block to the figures of its scan and tells pollers';

create or replace function nexscout.store_scan_block(p_user_id uuid, p jsonb, p_model text) returns nexscout.outcome
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans := nexscout.lock_scan((p ->> 'scan_id')::uuid, p_user_id);
  v_job public.scan_jobs;
begin
  select * into v_job from public.scan_jobs where scan_id = v_scan.id and user_id = p_user_id for update;
  if v_job.state in ('queued', 'running') then
    update public.scan_blocks set state = 'done', records = null, scored_by = p ->> 'scored_by', model = p_model
    where scan_id = v_scan.id and ordinal = (p ->> 'ordinal')::integer and state = 'open';
    if found then
      perform nexscout.count_scan_block(nexscout.store_scan_items(v_job, p), p);
      return 'stored';
    end if;
  end if;
  -- Charged and of no use: the block was done by another, the scan has failed, or its owner deleted it meanwhile.
  if (p ->> 'energy')::integer > 0 then
    perform nexscout.change_energy(p_user_id, (p ->> 'energy')::integer, 'scan_refund');
  end if;
  return case
    when v_job.state = 'failed' then 'failed'
    when exists (select from public.scan_blocks where scan_id = v_job.scan_id and ordinal = (p ->> 'ordinal')::integer)
      then case v_job.state when 'accepting' then 'lease_lost' else 'already_stored' end
    else 'scan_not_found'
  end;
end
$$;
comment on function nexscout.store_scan_block is
  'Stores what was found in a block, once, whoever brings it first; the account row must be locked. p: scan_id, ordinal, scored_by, items, dropped, partial_reason, and the energy and cost_usd of the call; energy that bought nothing goes back';

create or replace function nexscout.count_paid_block(p_call public.ai_requests, p jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  if p ->> 'scored_by' = 'rules' then
    perform nexscout.change_energy(p_call.user_id, p_call.energy_charged, 'scan_refund');
  else
    update public.scan_jobs set energy_charged = energy_charged + p_call.energy_charged, cost_usd = cost_usd + p_call.cost_usd
    where scan_id = (p ->> 'scan_id')::uuid;
  end if;
end
$$;
comment on function nexscout.count_paid_block is
  'What a call was charged whose rows were refused: for its block where that is stored after all, else given back, as the rules cost nothing';

create or replace function public.scan_store_block(p_user_id uuid, p_block text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_block jsonb := p_block::jsonb - '{energy,cost_usd}'::text[];
  v_call public.ai_requests;
  v_outcome nexscout.outcome;
begin
  perform nexscout.lock_account(p_user_id);
  select * into v_call from public.ai_requests
  where user_id = p_user_id and idempotency_scope = '' and state in ('held', 'settled')
    and idempotency_key = format('scan:%s:%s', v_block ->> 'scan_id', v_block ->> 'ordinal');
  -- A call that may still bring the block holds energy for it: its answer goes first.
  if v_call.state = 'held' and v_call.expires_at > clock_timestamp() then
    return jsonb_build_object('outcome', 'in_progress'::nexscout.outcome);
  end if;
  v_outcome := nexscout.store_scan_block(p_user_id, v_block, case v_block ->> 'scored_by' when 'model' then v_call.model end);
  if v_outcome = 'stored' and v_call.energy_charged > 0 then
    perform nexscout.count_paid_block(v_call, v_block);
  end if;
  return jsonb_build_object('outcome', v_outcome);
end
$$;
comment on function public.scan_store_block is
  'Stores a block that no call stands behind: scored by rules, or brought again after its rows had been refused. For the service key only';

create or replace function nexscout.scan_prospect_ids(p_scan_id uuid) returns uuid[]
language sql stable set search_path = '' as $$
  select coalesce(array_agg(distinct known.id), '{}')
  from public.scan_blocks b cross join unnest(b.prospect_ids) as known (id) where b.scan_id = p_scan_id
$$;
comment on function nexscout.scan_prospect_ids is 'The prospects of a scan, new and known before, each once';

create or replace function nexscout.scan_reply(p_job public.scan_jobs, p_meta jsonb) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object('success', true, 'scanId', p_job.scan_id, 'prospectsFound', p_job.items,
    'hot', p_job.hot, 'warm', p_job.warm, 'cold', p_job.cold,
    'meta', p_job.facts || jsonb_build_object(
      'blocks', p_job.blocks_total, 'blocksByRules', p_job.by_rules, 'duplicates', p_job.duplicates,
      'knownProspects', p_job.merged, 'droppedValues', p_job.dropped_values,
      'energyConsumed', p_job.energy_charged, 'costUSD', p_job.cost_usd) || coalesce(p_meta, '{}'))
    || case when p_job.by_rules > 0 then jsonb_build_object('partial', jsonb_build_object(
      'reason', p_job.partial_reason, 'blocksByRules', p_job.by_rules, 'blocks', p_job.blocks_total)) else '{}' end
$$;
comment on function nexscout.scan_reply is 'The reply of a scan that is done, as every caller gets it';

create or replace function nexscout.notify_scan(p_job public.scan_jobs) returns void
language plpgsql set search_path = '' as $$
begin
  insert into public.notifications (user_id, type, title, message, category, metadata)
  values (p_job.user_id, 'scan_complete', 'Your scan is complete',
    format('%s people found: %s hot, %s warm, %s cold.', p_job.items, p_job.hot, p_job.warm, p_job.cold), 'success',
    jsonb_build_object('scan_id', p_job.scan_id, 'prospects_found', p_job.items, 'hot', p_job.hot, 'warm', p_job.warm,
      'cold', p_job.cold));
exception when others then
  -- A trigger of the app that refuses the notification must not keep the scan from its end.
  raise warning 'scan: no notification of %: %', p_job.scan_id, sqlstate;
end
$$;
comment on function nexscout.notify_scan is 'Tells the owner that his scan is done';

create or replace function public.scan_finish(p_scan_id uuid, p_lease integer, p_meta text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_scan public.scans := nexscout.lock_scan(p_scan_id, null);
  v_job public.scan_jobs;
begin
  select * into v_job from public.scan_jobs where scan_id = v_scan.id for update;
  if v_job.state in ('done', 'failed') then
    return nexscout.told_scan(v_job);
  elsif v_job.scan_id is null or v_job.state <> 'running' or v_job.lease <> p_lease then
    return nexscout.no_lease(p_scan_id);
  elsif v_job.blocks_done < v_job.blocks_total then
    return jsonb_build_object('outcome', 'blocks_open'::nexscout.outcome);
  end if;
  perform nexscout.tell_progress(p_scan_id, 'saving', 80, 'Saving the results.');
  perform nexscout.tell_progress(p_scan_id, 'creating_prospects', 90, 'Adding them to your prospects.');
  -- A page that has shown the scan as failed is not told otherwise.
  update public.scans set status = case status when 'failed' then status else 'completed' end,
    completed_at = clock_timestamp(), prospect_ids = nexscout.scan_prospect_ids(p_scan_id)
  where id = p_scan_id;
  perform nexscout.tell_progress(p_scan_id, 'completed', 100, format('Done: %s people found.', v_job.items));
  update public.scan_jobs set state = 'done', lease_until = null, reply = nexscout.scan_reply(v_job, p_meta::jsonb),
    updated_at = clock_timestamp()
  where scan_id = p_scan_id returning * into v_job;
  perform nexscout.notify_scan(v_job);
  return nexscout.told_scan(v_job);
end
$$;
comment on function public.scan_finish is
  'Ends a scan whose blocks are all done, once, and gives the reply, which is stored for later callers. For the service key only';

create or replace function nexscout.fail_scan(p_scan public.scans, p_code text, p_sentence text) returns nexscout.outcome
language plpgsql set search_path = '' as $$
declare
  v_job public.scan_jobs;
  v_refund integer;
begin
  select * into v_job from public.scan_jobs where scan_id = p_scan.id for update;
  if v_job.scan_id is null and p_scan.status in ('completed', 'failed') then
    v_job := nexscout.ended_scan(p_scan);
  end if;
  if v_job.state in ('done', 'failed') then
    return v_job.state;
  end if;
  insert into public.scan_jobs as j (scan_id, user_id, state, percent, failure_code, failure)
  values (p_scan.id, p_scan.user_id, 'failed', 0, p_code, p_sentence)
  on conflict (scan_id) do update set state = 'failed', lease = j.lease + 1, lease_until = null,
    failure_code = excluded.failure_code, failure = excluded.failure, updated_at = clock_timestamp()
  returning * into v_job;
  -- An open block was charged where its rows were refused.
  select v_job.energy_charged + coalesce(sum(r.energy_charged), 0) into v_refund
  from public.scan_blocks b join public.ai_requests r on r.user_id = p_scan.user_id and r.idempotency_scope = ''
    and r.idempotency_key = format('scan:%s:%s', b.scan_id, b.ordinal) and r.state = 'settled'
  where b.scan_id = p_scan.id and b.state = 'open';
  delete from public.scan_blocks where scan_id = p_scan.id and state = 'open';
  -- A page that has shown the scan as completed is not told otherwise.
  update public.scans set status = case status when 'completed' then status else 'failed' end,
    prospect_ids = nexscout.scan_prospect_ids(p_scan.id)
  where id = p_scan.id;
  perform nexscout.add_scan_status(p_scan.id, 'failed', greatest(v_job.percent, 0), p_sentence);
  if v_refund > 0 then
    perform nexscout.change_energy(p_scan.user_id, v_refund, 'scan_refund');
  end if;
  return 'failed';
end
$$;
comment on function nexscout.fail_scan is
  'Fails a scan everywhere, once, and gives its energy back; one that has ended stays as it is. The account and the scan must be locked';

create or replace function public.scan_fail(p_scan_id uuid, p_user_id uuid, p_code text, p_sentence text,
  p_lease integer default null) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_owner uuid := (select user_id from public.scans where id = p_scan_id and (p_user_id is null or user_id = p_user_id));
  v_scan public.scans;
  v_job public.scan_jobs;
begin
  perform nexscout.lock_account(v_owner);
  v_scan := nexscout.lock_scan(p_scan_id, v_owner);
  if v_owner is null or v_scan.id is null then
    return jsonb_build_object('outcome', 'scan_not_found'::nexscout.outcome);
  end if;
  select * into v_job from public.scan_jobs where scan_id = p_scan_id for update;
  if v_job.state in ('accepting', 'queued', 'running') and v_job.lease <> p_lease then
    return nexscout.no_lease(p_scan_id);
  end if;
  return jsonb_build_object('outcome', nexscout.fail_scan(v_scan, p_code, p_sentence));
end
$$;
comment on function public.scan_fail is
  'Fails a scan with a code and a sentence for the person, also one that was never accepted, never one that has ended; with a lease only if nobody has taken the scan since. For the service key only';

create or replace function nexscout.give_up_scan(p_scan public.scans) returns boolean
language plpgsql set search_path = '' as $$
begin
  if not nexscout.take_if_free(p_scan.user_id) then
    return false;
  end if;
  perform nexscout.fail_scan(p_scan, 'scan_failed', 'The scan could not be completed. Please try again.');
  return true;
exception when others then
  -- One scan whose rows are refused must not keep the messages of all the others back.
  raise warning 'scan: % is not given up: %', p_scan.id, sqlstate;
  return false;
end
$$;
comment on function nexscout.give_up_scan is 'Fails a scan that nobody could work on, where its account is free; false where it must be tried again';

create or replace function public.scan_requeue(p_older_than_seconds integer, p_limit integer default 100,
  p_most_sends integer default 20) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_older_than_seconds);
  v_open uuid;
  v_scan public.scans;
  v_job public.scan_jobs;
  v_scans jsonb := '[]';
  v_gave_up integer := 0;
begin
  for v_open in
    select scan_id from public.scan_jobs
    where (state = 'queued' and updated_at <= v_before) or (state = 'running' and greatest(lease_until, updated_at) <= v_before)
    order by updated_at limit p_limit
  loop
    select * into v_scan from public.scans where id = v_open for no key update skip locked;
    update public.scan_jobs set sends = sends + 1, updated_at = clock_timestamp()
    where scan_id = v_scan.id and state in ('queued', 'running') and updated_at <= v_before
    returning * into v_job;
    continue when not found;
    if v_job.sends <= p_most_sends then
      v_scans := v_scans || to_jsonb(v_job.scan_id);
    else
      v_gave_up := v_gave_up + nexscout.give_up_scan(v_scan)::integer;
    end if;
  end loop;
  return jsonb_build_object('scans', v_scans, 'gave_up', v_gave_up);
end
$$;
comment on function public.scan_requeue is
  'The scans that wait for a worker for so long that their message must be lost, to be sent again; each once in that time, and failed after p_most_sends. For the service key only';

create or replace function nexscout.sweep_scans(p_limit integer, out done integer, out failed integer)
language plpgsql set search_path = '' as $$
declare
  v_item record;
  v_scan public.scans;
begin
  done := 0;
  failed := 0;
  for v_item in
    select scan_id, user_id from public.scan_jobs
    where state = 'accepting' and lease_until <= clock_timestamp()
    order by user_id, scan_id limit p_limit
  loop
    begin
      continue when not nexscout.take_if_free(v_item.user_id);
      select * into v_scan from public.scans where id = v_item.scan_id for no key update skip locked;
      -- Looked at again under the lock: its caller may have come back.
      perform from public.scan_jobs
      where scan_id = v_scan.id and state = 'accepting' and lease_until <= clock_timestamp() for update;
      continue when not found;
      perform nexscout.fail_scan(v_scan, 'upload_incomplete', 'The upload did not complete. Please send it again.');
      done := done + 1;
    exception when others then
      failed := failed + 1;
      raise warning 'ai_sweep: scan % is not closed: %', v_item.scan_id, sqlstate;
    end;
  end loop;
end
$$;
comment on function nexscout.sweep_scans is
  'Fails scans whose input never came to its end, each for itself; those that wait for a worker are left to workers';

revoke all on function
  nexscout.phone_key(text), nexscout.known_prospect(uuid, uuid, jsonb), nexscout.fill_prospect(uuid, jsonb, jsonb),
  nexscout.scanned_metadata(public.scan_jobs, jsonb), nexscout.store_scan_item(public.scan_jobs, jsonb, text),
  nexscout.add_scan_status(uuid, text, integer, text), nexscout.tell_progress(uuid, text, integer, text),
  nexscout.lock_scan(uuid, uuid), nexscout.leased_scan(uuid, integer, text[]), nexscout.no_lease(uuid),
  nexscout.told_scan(public.scan_jobs), nexscout.ended_scan(public.scans), nexscout.is_claimable(public.scan_jobs),
  nexscout.claim_scan(uuid, integer, integer), nexscout.store_scan_items(public.scan_jobs, jsonb),
  nexscout.count_scan_block(public.scan_jobs, jsonb), nexscout.store_scan_block(uuid, jsonb, text),
  nexscout.count_paid_block(public.ai_requests, jsonb), nexscout.scan_prospect_ids(uuid),
  nexscout.scan_reply(public.scan_jobs, jsonb), nexscout.notify_scan(public.scan_jobs),
  nexscout.fail_scan(public.scans, text, text), nexscout.give_up_scan(public.scans), nexscout.sweep_scans(integer),
  public.scan_accept(uuid, uuid, text, text, integer), public.scan_add_blocks(uuid, integer, integer, text),
  public.scan_queue(uuid, integer, text), public.scan_claim(uuid, integer, integer),
  public.scan_open_blocks(uuid, integer, integer, integer), public.scan_renew(uuid, integer, integer),
  public.scan_release(uuid, integer), public.scan_store_block(uuid, text), public.scan_finish(uuid, integer, text),
  public.scan_fail(uuid, uuid, text, text, integer), public.scan_requeue(integer, integer, integer)
  from public, anon, authenticated;
grant execute on function
  nexscout.phone_key(text), nexscout.known_prospect(uuid, uuid, jsonb), nexscout.fill_prospect(uuid, jsonb, jsonb),
  nexscout.scanned_metadata(public.scan_jobs, jsonb), nexscout.store_scan_item(public.scan_jobs, jsonb, text),
  nexscout.add_scan_status(uuid, text, integer, text), nexscout.tell_progress(uuid, text, integer, text),
  nexscout.lock_scan(uuid, uuid), nexscout.leased_scan(uuid, integer, text[]), nexscout.no_lease(uuid),
  nexscout.told_scan(public.scan_jobs), nexscout.ended_scan(public.scans), nexscout.is_claimable(public.scan_jobs),
  nexscout.claim_scan(uuid, integer, integer), nexscout.store_scan_items(public.scan_jobs, jsonb),
  nexscout.count_scan_block(public.scan_jobs, jsonb), nexscout.store_scan_block(uuid, jsonb, text),
  nexscout.count_paid_block(public.ai_requests, jsonb), nexscout.scan_prospect_ids(uuid),
  nexscout.scan_reply(public.scan_jobs, jsonb), nexscout.notify_scan(public.scan_jobs),
  nexscout.fail_scan(public.scans, text, text), nexscout.give_up_scan(public.scans), nexscout.sweep_scans(integer),
  public.scan_accept(uuid, uuid, text, text, integer), public.scan_add_blocks(uuid, integer, integer, text),
  public.scan_queue(uuid, integer, text), public.scan_claim(uuid, integer, integer),
  public.scan_open_blocks(uuid, integer, integer, integer), public.scan_renew(uuid, integer, integer),
  public.scan_release(uuid, integer), public.scan_store_block(uuid, text), public.scan_finish(uuid, integer, text),
  public.scan_fail(uuid, uuid, text, text, integer), public.scan_requeue(integer, integer, integer)
  to service_role;
