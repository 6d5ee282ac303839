-- Who reads the work on a scan: the owner.

drop policy if exists "Users read their own scan jobs" on public.scan_jobs;
create policy "Users read their own scan jobs" on public.scan_jobs
  for select to authenticated using (user_id = (select auth.uid()));
