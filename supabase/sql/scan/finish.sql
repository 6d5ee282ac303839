-- A scan that is done.

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
    return nexscout.scan_standing(v_job);
  elsif v_job.scan_id is null or v_job.state <> 'running' or v_job.lease <> p_lease then
    return nexscout.no_lease(p_scan_id);
  elsif v_job.blocks_done < v_job.blocks_total then
    return jsonb_build_object('outcome', 'blocks_open'::nexscout.outcome);
  end if;
  perform nexscout.report_progress(p_scan_id, 'saving', 80, 'Saving the results.');
  perform nexscout.report_progress(p_scan_id, 'creating_prospects', 90, 'Adding them to your prospects.');
  -- A page that has shown the scan as failed is not told otherwise.
  update public.scans set status = case status when 'failed' then status else 'completed' end,
    completed_at = clock_timestamp(), prospect_ids = nexscout.scan_prospect_ids(p_scan_id)
  where id = p_scan_id;
  perform nexscout.report_progress(p_scan_id, 'completed', 100, format('Done: %s people found.', v_job.items));
  update public.scan_jobs set state = 'done', lease_until = null, reply = nexscout.scan_reply(v_job, p_meta::jsonb),
    updated_at = clock_timestamp()
  where scan_id = p_scan_id returning * into v_job;
  perform nexscout.notify_scan(v_job);
  return nexscout.scan_standing(v_job);
end
$$;
comment on function public.scan_finish is
  'Ends a scan whose blocks are all done, once, and gives the reply, which is stored for later callers. For the service key only';
