-- Scans that nobody comes back for.

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
