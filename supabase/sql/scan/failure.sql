-- A scan that failed, and its energy, which goes back.

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
