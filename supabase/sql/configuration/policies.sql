-- A user sets and reads what the AI answers with for him, and nobody else does.

drop policy if exists "Users read own AI settings" on public.ai_settings;
create policy "Users read own AI settings" on public.ai_settings
  for select to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users add own AI settings" on public.ai_settings;
create policy "Users add own AI settings" on public.ai_settings
  for insert to authenticated with check ((select auth.uid()) = user_id);

drop policy if exists "Users change own AI settings" on public.ai_settings;
create policy "Users change own AI settings" on public.ai_settings
  for update to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);

drop policy if exists "Users delete own AI settings" on public.ai_settings;
create policy "Users delete own AI settings" on public.ai_settings
  for delete to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users read own AI instructions" on public.ai_system_instructions;
create policy "Users read own AI instructions" on public.ai_system_instructions
  for select to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users add own AI instructions" on public.ai_system_instructions;
create policy "Users add own AI instructions" on public.ai_system_instructions
  for insert to authenticated with check ((select auth.uid()) = user_id);

drop policy if exists "Users change own AI instructions" on public.ai_system_instructions;
create policy "Users change own AI instructions" on public.ai_system_instructions
  for update to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);

drop policy if exists "Users delete own AI instructions" on public.ai_system_instructions;
create policy "Users delete own AI instructions" on public.ai_system_instructions
  for delete to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users read own configuration version" on public.ai_config_versions;
create policy "Users read own configuration version" on public.ai_config_versions
  for select to authenticated using ((select auth.uid()) = user_id);
