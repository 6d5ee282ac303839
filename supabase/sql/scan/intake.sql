-- Input is accepted as blocks of records under a lease, then queued for a worker.

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
    return nexscout.scan_standing(v_job);
  end if;
  if v_scan.status in ('completed', 'failed') then
    return nexscout.scan_standing(nexscout.ended_scan(v_scan));
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
  perform nexscout.report_progress(p_scan_id, 'queued', 0, 'Your scan has arrived.');
  return jsonb_build_object('outcome', 'accepted'::nexscout.outcome, 'user_id', v_job.user_id, 'lease', v_job.lease);
end
$$;
comment on function public.scan_accept is
  'Begins a scan, of the user or (null) of its owner, once: the first caller gets a lease to send its blocks under, a later one is told how it stands. For the service key only';

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
  perform nexscout.report_progress(p_scan_id, 'extracting_text', 5, 'Reading your input.');
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
    perform nexscout.report_progress(p_scan_id, 'extracting_text', 20, 'Your input has been read.');
    perform nexscout.report_progress(p_scan_id, 'detecting_prospects', 40, 'Looking for people.');
  end if;
  return jsonb_build_object('outcome', 'queued'::nexscout.outcome, 'blocks_total', v_job.blocks_total);
end
$$;
comment on function public.scan_queue is
  'All blocks are there: from now on a worker may claim the scan. facts (duplicates and what else is known of the input) go into the reply''s meta. For the service key only';
