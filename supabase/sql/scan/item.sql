-- What was found in a block: an item each, and its prospect.

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
