-- Who works on a scan. Locks, where several are taken: user, account, request, scan, job, block.

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
