-- Sums of a user's usage, for himself and administrators.

create or replace function nexscout.may_read_usage_of(p_user_id uuid) returns boolean
language sql stable set search_path = '' as $$
  select current_user not in ('anon', 'authenticated')
    or coalesce(p_user_id = (select auth.uid()), false)
    or coalesce((select nexscout.is_admin()), false)
$$;
comment on function nexscout.may_read_usage_of is 'True for the user, an administrator and the service';

create or replace function public.get_user_total_ai_cost(p_user_id uuid) returns numeric
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.cost_usd), 0) from public.ai_usage_logs l where l.user_id = p_user_id and not l.shadow)
  end
$$;
comment on function public.get_user_total_ai_cost is
  'USD that a user''s calls have cost; null when the caller is neither that user nor an administrator';

create or replace function public.get_user_monthly_ai_cost(p_user_id uuid, p_at timestamptz default now()) returns numeric
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.cost_usd), 0) from public.ai_usage_logs l
     where l.user_id = p_user_id and not l.shadow
       and l.created_at >= nexscout.month_start(p_at)
       and l.created_at < nexscout.month_start(nexscout.month_start(p_at) + interval '32 days'))
  end
$$;
comment on function public.get_user_monthly_ai_cost is
  'USD of a user''s calls in the month of p_at (policy time zone); null when it is not the caller''s to know';

create or replace function public.get_user_monthly_tokens(p_user_id uuid, p_at timestamptz default now()) returns bigint
language sql stable set search_path = '' as $$
  select case when nexscout.may_read_usage_of(p_user_id) then
    (select coalesce(sum(l.tokens_total), 0)::bigint from public.ai_usage_logs l
     where l.user_id = p_user_id and not l.shadow
       and l.created_at >= nexscout.month_start(p_at)
       and l.created_at < nexscout.month_start(nexscout.month_start(p_at) + interval '32 days'))
  end
$$;
comment on function public.get_user_monthly_tokens is
  'Tokens of a user''s calls in the month of p_at (policy time zone); null when it is not the caller''s to know';
