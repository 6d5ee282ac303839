-- Who reads jobs: the one who asked.

drop policy if exists "Users read their own jobs" on public.ai_jobs;
create policy "Users read their own jobs" on public.ai_jobs
  for select to authenticated using (user_id = (select auth.uid()));
