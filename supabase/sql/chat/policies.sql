-- Contact details of visitors are for the owner alone: every visitor can read every session row.

drop policy if exists "Owners read their leads" on public.chat_leads;
create policy "Owners read their leads" on public.chat_leads
  for select to authenticated using (user_id = (select auth.uid()));
