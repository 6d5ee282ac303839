-- What a visitor told of himself, and the indexes of his messages and of the owner's training data.

create table if not exists public.chat_leads (
  session_id uuid primary key references public.public_chat_sessions (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  full_name text,
  email text,
  phone text,
  company text,
  said jsonb not null default '{}',
  prospect_id uuid,
  updated_at timestamptz not null default now()
);
comment on table public.chat_leads is
  'What a visitor told of himself. Every visitor can read every session row, so contact details stand here, for the owner alone';
comment on column public.chat_leads.said is 'The visitor''s own words behind each value';
create index if not exists chat_leads_user_updated_idx on public.chat_leads (user_id, updated_at desc);

alter table public.chat_leads enable row level security;
create index if not exists public_chat_messages_session_created_idx
  on public.public_chat_messages (session_id, created_at desc);
create index if not exists public_chatbot_training_data_user_idx
  on public.public_chatbot_training_data (user_id) where is_active;
