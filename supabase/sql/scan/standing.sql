-- How a scan stands, and whose it is.

create or replace function public.scan_owner(p_scan_id uuid, p_user_id uuid) returns uuid
language sql stable set search_path = '' as $$
  select s.user_id from public.scans s where s.id = p_scan_id and s.user_id = coalesce(p_user_id, s.user_id)
$$;
comment on function public.scan_owner is
  'Whose scan it is: his who is named, or (null) whoever owns it; null for no such scan. For the service key only';

create or replace function nexscout.scan_standing(p_job public.scan_jobs) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object(
    'outcome', (case when p_job.state in ('done', 'failed') then p_job.state else 'running' end)::nexscout.outcome,
    'user_id', p_job.user_id, 'lease', null, 'reply', p_job.reply,
    'code', p_job.failure_code, 'sentence', p_job.failure)
$$;
comment on function nexscout.scan_standing is 'How a scan stands, for whoever comes second';

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
