-- A worker leases a scan and takes its open blocks.

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
  perform nexscout.report_progress(p_scan_id, 'scoring', 45, 'Scoring the people found.');
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
