-- What the anonymous key can read ends after a day. Within the day every visitor can still read every session and message, and archive
-- any session: the page asks by session id under a policy that cannot know who holds that id.

drop policy if exists "Visitors see the last day of sessions" on public.public_chat_sessions;
create policy "Visitors see the last day of sessions" on public.public_chat_sessions
  as restrictive for select to anon using (created_at > now() - interval '24 hours');

drop policy if exists "Users see own sessions and the last day of others" on public.public_chat_sessions;
create policy "Users see own sessions and the last day of others" on public.public_chat_sessions
  as restrictive for select to authenticated
  using ((select auth.uid()) = user_id or created_at > now() - interval '24 hours' or (select nexscout.is_admin()));

drop policy if exists "Visitors see the last day of messages" on public.public_chat_messages;
create policy "Visitors see the last day of messages" on public.public_chat_messages
  as restrictive for select to anon using (created_at > now() - interval '24 hours');

drop policy if exists "Users see own messages and the last day of others" on public.public_chat_messages;
create policy "Users see own messages and the last day of others" on public.public_chat_messages
  as restrictive for select to authenticated
  using (
    created_at > now() - interval '24 hours' or (select nexscout.is_admin()) or exists (
      select 1 from public.public_chat_sessions
      where public_chat_sessions.id = public_chat_messages.session_id and public_chat_sessions.user_id = (select auth.uid())
    )
  );
