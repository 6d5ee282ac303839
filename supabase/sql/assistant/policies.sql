-- A user's talks with the assistant are his; only the service writes them.

drop policy if exists "Users read own assistant conversations" on public.assistant_conversations;
create policy "Users read own assistant conversations" on public.assistant_conversations
  for select to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users delete own assistant conversations" on public.assistant_conversations;
create policy "Users delete own assistant conversations" on public.assistant_conversations
  for delete to authenticated using ((select auth.uid()) = user_id);

drop policy if exists "Users read own assistant messages" on public.assistant_messages;
create policy "Users read own assistant messages" on public.assistant_messages
  for select to authenticated using ((select auth.uid()) = user_id);
