-- What a user sets for his own AI, and his talks with the internal assistant.

create table if not exists public.ai_settings (
  user_id uuid primary key references auth.users (id) on delete cascade,
  default_model text,
  temperature numeric check (temperature between 0 and 2),
  language text,
  tone text,
  auto_select_model boolean not null default true,
  updated_at timestamptz not null default now()
);
comment on table public.ai_settings is 'One row per user: how the AI answers for him unless a call says otherwise.';

create table if not exists public.ai_system_instructions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  instructions text not null,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.ai_system_instructions is 'Texts a user adds to every prompt of his own; only active ones are read.';
create index if not exists ai_system_instructions_user_id on public.ai_system_instructions (user_id, created_at);

create table if not exists public.assistant_conversations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  title text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (id, user_id)
);
comment on table public.assistant_conversations is 'A user''s talks with the internal assistant.';
create index if not exists assistant_conversations_user_id on public.assistant_conversations (user_id, updated_at desc);

create table if not exists public.assistant_messages (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null check (role in ('user', 'assistant')),
  content text not null,
  created_at timestamptz not null default now(),
  -- Both columns, so that a message can never sit in another user's conversation.
  foreign key (conversation_id, user_id) references public.assistant_conversations (id, user_id) on delete cascade
);
comment on table public.assistant_messages is 'The turns of a conversation; written by the service in the transaction that settles the call.';
create index if not exists assistant_messages_conversation on public.assistant_messages (conversation_id, user_id, created_at);
create index if not exists assistant_messages_user_id on public.assistant_messages (user_id);

create table if not exists public.ai_config_versions (
  user_id uuid primary key references auth.users (id) on delete cascade,
  version bigint not null
);
comment on table public.ai_config_versions is
  'Rises with every change of what load_ai_configuration() returns for the user; no row means version 0.';

alter table public.ai_settings enable row level security;
alter table public.ai_system_instructions enable row level security;
alter table public.assistant_conversations enable row level security;
alter table public.assistant_messages enable row level security;
alter table public.ai_config_versions enable row level security;
