-- A turn of the internal assistant: reserved as every call, stored with its settlement.

create or replace function public.assistant_open(p_conversation_id uuid, p_request text) returns jsonb
language plpgsql set search_path = '' as $$
begin
  if p_conversation_id is not null and not exists (
    select from public.assistant_conversations
    where id = p_conversation_id and user_id = (p_request::jsonb ->> 'user_id')::uuid
  ) then
    return jsonb_build_object('outcome', 'conversation_not_found'::nexscout.outcome);
  end if;
  return public.ai_reserve(p_request);
end
$$;
comment on function public.assistant_open is
  'Reserves a turn of the assistant, in a new conversation (null) or in one that belongs to the reservation''s user. For the service key only';

create or replace function nexscout.store_assistant_turn(p_owner_id uuid, p jsonb) returns void
language plpgsql set search_path = '' as $$
declare
  v_id uuid := (p ->> 'conversation_id')::uuid;
  v_at timestamptz;
begin
  if (p ->> 'is_new')::boolean then
    insert into public.assistant_conversations (id, user_id, title) values (v_id, p_owner_id, p ->> 'title');
  else
    perform from public.assistant_conversations where id = v_id and user_id = p_owner_id for update;
    -- Its owner has deleted it while the answer was being written.
    if not found then
      return;
    end if;
  end if;
  select greatest(clock_timestamp(), max(created_at) + interval '1 microsecond') into v_at
  from public.assistant_messages where conversation_id = v_id;
  insert into public.assistant_messages (conversation_id, user_id, role, content, created_at) values
    (v_id, p_owner_id, 'user', p ->> 'message', v_at),
    (v_id, p_owner_id, 'assistant', p ->> 'answer', v_at + interval '1 microsecond');
  update public.assistant_conversations set updated_at = v_at + interval '1 microsecond' where id = v_id;
end
$$;
comment on function nexscout.store_assistant_turn is
  'Question and answer of a delivered call, never one without the other, at rising times; the owner''s account row must be locked';
