-- Who reads usage: the one who pays, the owner of the workspace, administrators.

drop policy if exists "Users, workspace owners and administrators read usage" on public.ai_usage_logs;
create policy "Users, workspace owners and administrators read usage" on public.ai_usage_logs
  for select to authenticated
  using (user_id = (select auth.uid()) or workspace_id = (select auth.uid()) or (select nexscout.is_admin()));

drop policy if exists "Users and administrators read attempts" on public.ai_usage_attempts;
create policy "Users and administrators read attempts" on public.ai_usage_attempts
  for select to authenticated
  using (user_id = (select auth.uid()) or (select nexscout.is_admin()));
