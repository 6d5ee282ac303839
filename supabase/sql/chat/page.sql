-- The public chat page knows its workspace by the slug of its address. The app's own project has this function, and what it is there
-- is the app's business: it is kept. An empty project gets one that does the same with the visitor's own rights, since the policy
-- "Public can view active chatbot settings" shows the row anyway.

do $$
begin
  if exists (
    select from pg_catalog.pg_proc
    where pronamespace = 'public'::regnamespace and proname = 'get_user_from_chatbot_id'
  ) then
    return;
  end if;
  create function public.get_user_from_chatbot_id(p_chatbot_id text) returns uuid
  language sql stable set search_path = '' as $body$
    select settings.user_id from public.chatbot_settings settings
    where settings.fixed_chatbot_id = p_chatbot_id and settings.is_active
  $body$;
  comment on function public.get_user_from_chatbot_id(text) is
    'The owner of the active chatbot with this slug, null where there is none. For everybody';
end
$$;
