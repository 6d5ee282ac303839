-- What pollers of scan_status see.

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

create or replace function nexscout.report_progress(p_scan_id uuid, p_step text, p_percent integer, p_message text)
returns void
language plpgsql set search_path = '' as $$
begin
  update public.scan_jobs set percent = p_percent where scan_id = p_scan_id and percent < p_percent;
  if found then
    perform nexscout.add_scan_status(p_scan_id, p_step, p_percent, p_message);
  end if;
end
$$;
comment on function nexscout.report_progress is 'Tells pollers of a step, if its percent is higher than all before';
