-- Days and months in the time zone of the policy.

create or replace function nexscout.day_of(p_at timestamptz) returns date
language sql stable set search_path = '' as $$
  select (p_at at time zone (select day_time_zone from public.ai_policy))::date
$$;
comment on function nexscout.day_of is 'The calendar day of an instant in the policy''s time zone';

create or replace function nexscout.month_start(p_at timestamptz) returns timestamptz
language sql stable set search_path = '' as $$
  select date_trunc('month', p_at at time zone day_time_zone) at time zone day_time_zone from public.ai_policy
$$;
comment on function nexscout.month_start is 'The first instant of the month of p_at in the policy''s time zone';

-- What every call asks is plpgsql, not sql: its plan is kept, and most servers plan a sql function anew at every call.
create or replace function nexscout.day_start(p_at timestamptz) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  return (select date_trunc('day', p_at at time zone day_time_zone) at time zone day_time_zone from public.ai_policy);
end
$$;
comment on function nexscout.day_start is 'The first instant of the day of p_at in the policy''s time zone';
