-- What the app's tables may lack: columns, indexes, values that checks refuse.
-- Nothing is dropped but the two checks that it replaces.

-- Columns that later hosted variants have and earlier ones may lack.

alter table public.profiles add column if not exists profession text;
alter table public.profiles add column if not exists coin_balance integer default 0;
alter table public.profiles add column if not exists energy_balance integer default 0;
alter table public.prospects add column if not exists status text default 'new'
  check (status in ('new', 'contacted', 'interested', 'follow_up', 'closed', 'lost'));
alter table public.prospects add column if not exists tags text[];
alter table public.prospects add column if not exists last_contacted_at timestamptz;
alter table public.prospects add column if not exists avatar_seed text;
alter table public.prospects add column if not exists social_image_url text;
alter table public.prospects add column if not exists uploaded_image_url text;
alter table public.products add column if not exists personas jsonb default '[]';
alter table public.products add column if not exists pains jsonb default '[]';
alter table public.products add column if not exists desires jsonb default '[]';
alter table public.products add column if not exists objections jsonb default '[]';
alter table public.products add column if not exists short_tagline text;
alter table public.products add column if not exists base_price numeric(12, 2);
alter table public.company_profiles add column if not exists value_proposition text;
alter table public.company_profiles add column if not exists achievements jsonb default '[]';
alter table public.company_profiles add column if not exists mission text;
alter table public.company_profiles add column if not exists vision text;
alter table public.company_profiles add column if not exists culture text;
alter table public.chatbot_settings add column if not exists custom_system_instructions text;
alter table public.chatbot_settings add column if not exists use_custom_instructions boolean default false;
alter table public.chatbot_settings add column if not exists instructions_override_intelligence boolean default false;
alter table public.chatbot_settings add column if not exists fixed_chatbot_id text unique;
alter table public.public_chat_sessions add column if not exists prospect_id uuid references public.prospects (id) on delete set null;
alter table public.notifications add column if not exists category text default 'info'
  check (category in ('urgent', 'important', 'info', 'success'));
alter table public.scans add column if not exists metadata jsonb default '{}';

-- Indexes for what the functions search by and for cascades, where no index begins with the column, whatever its name.

create procedure pg_temp.ensure_index (relation regclass, searched name)
language plpgsql as $$
begin
  if not exists (
    select from pg_index known
    join pg_attribute att on att.attrelid = known.indrelid and att.attnum = known.indkey[0]
    where known.indrelid = relation and known.indpred is null and att.attname = searched
  ) then
    execute format('create index on %s (%I)', relation, searched);
  end if;
end
$$;
call pg_temp.ensure_index('public.prospects', 'user_id');
call pg_temp.ensure_index('public.products', 'user_id');
call pg_temp.ensure_index('public.products', 'company_id');
call pg_temp.ensure_index('public.company_intelligence_v2', 'user_id');
call pg_temp.ensure_index('public.company_intelligence_v2', 'company_id');
call pg_temp.ensure_index('public.chatbot_links', 'user_id');
call pg_temp.ensure_index('public.public_chatbot_training_data', 'user_id');
call pg_temp.ensure_index('public.public_chat_sessions', 'user_id');
call pg_temp.ensure_index('public.public_chat_sessions', 'prospect_id');
call pg_temp.ensure_index('public.public_chat_sessions', 'visitor_session_id');
call pg_temp.ensure_index('public.public_chat_messages', 'session_id');
call pg_temp.ensure_index('public.chatbot_to_prospect_pipeline', 'user_id');
call pg_temp.ensure_index('public.chatbot_to_prospect_pipeline', 'prospect_id');
call pg_temp.ensure_index('public.chatbot_to_prospect_pipeline', 'session_id');
call pg_temp.ensure_index('public.notifications', 'user_id');
call pg_temp.ensure_index('public.notifications', 'related_prospect_id');
call pg_temp.ensure_index('public.scans', 'user_id');
call pg_temp.ensure_index('public.scan_status', 'scan_id');
call pg_temp.ensure_index('public.scan_processed_items', 'scan_id');
call pg_temp.ensure_index('public.ai_generations', 'user_id');
call pg_temp.ensure_index('public.ai_generations', 'prospect_id');
call pg_temp.ensure_index('public.coin_transactions', 'user_id');
call pg_temp.ensure_index('public.energy_transactions', 'user_id');
drop procedure pg_temp.ensure_index (regclass, name);

-- Values the app already uses and the checks refuse: the tier's own default, and a session that a human has taken over.

create procedure pg_temp.widen_check (relation regclass, checked_column name, needed_value text, wide_check text)
language plpgsql as $$
declare
  narrow record;
begin
  for narrow in
    select con.conname
    from pg_constraint con
    join pg_attribute att on att.attrelid = con.conrelid and con.conkey = array[att.attnum]
    where con.conrelid = relation and con.contype = 'c' and att.attname = checked_column
      and pg_get_constraintdef(con.oid) not like '%' || quote_literal(needed_value) || '%'
  loop
    execute format('alter table %s drop constraint %I, add constraint %I check (%s)',
      relation, narrow.conname, narrow.conname, wide_check);
  end loop;
end
$$;
call pg_temp.widen_check('public.profiles', 'subscription_tier', 'free',
  $$subscription_tier in ('free', 'starter', 'pro', 'elite', 'team', 'enterprise')$$);
call pg_temp.widen_check('public.public_chat_sessions', 'status', 'human_takeover',
  $$status in ('active', 'archived', 'converted', 'abandoned', 'human_takeover')$$);
drop procedure pg_temp.widen_check (regclass, name, text, text);
