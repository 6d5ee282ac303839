-- A block becomes items and prospects once, whoever brings it first.

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
  perform nexscout.report_progress(v_job.scan_id, 'scoring', 45 + 30 * v_job.blocks_done / v_job.blocks_total,
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
