-- Who is known already, and what a prospect keeps of a scan. The keys are those of the indexes on prospects.

create or replace function nexscout.phone_key(p_phone text) returns text
language sql immutable set search_path = '' as $$
  select case
    when length(d.digits) < 7 or d.digits ~ '^(.)\1*$' then null
    when d.digits ~ '^(0063|63)?0?9[0-9]{9}$' then right(d.digits, 10)
    when d.digits ~ '^(0063|63)0?[2-8][0-9]{8}$' or d.digits ~ '^0[2-8][0-9]{8}$' then right(d.digits, 9)
    when d.digits ~ '^00' then substr(d.digits, 3)
    else d.digits
  end
  from (select regexp_replace(p_phone, '[^0-9]', '', 'g') as digits) d
$$;
comment on function nexscout.phone_key is
  'What the ways of writing one number have in common: the national digits of a Philippine number, else all digits; null where that is no number';

create or replace function nexscout.known_prospect(p_user_id uuid, p_scan_id uuid, p_item jsonb) returns uuid
language plpgsql stable set search_path = '' set enable_seqscan = off as $$
declare
  v_phone text := nexscout.phone_key(p_item ->> 'phone');
  v_email text := nullif(left(lower(btrim(p_item ->> 'email')), 320), '');
  v_name text := nullif(left(lower(regexp_replace(btrim(p_item ->> 'name'), '\s+', ' ', 'g')), 200), '');
  v_company text := left(coalesce(nullif(lower(btrim(p_item ->> 'company')), ''), p_scan_id::text), 200);
  v_id uuid;
begin
  -- Materialized: an index in the order of creation is no way to find one person.
  if v_phone is not null then
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.phone is not null
        and p.user_id::text || '/' || right(regexp_replace(p.phone, '[^0-9]', '', 'g'), 9)
          = p_user_id::text || '/' || right(v_phone, 9)
        and nexscout.phone_key(p.phone) = v_phone
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  if v_id is null and v_email is not null then
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.email is not null
        and p.user_id::text || '/' || left(lower(btrim(p.email)), 320) = p_user_id::text || '/' || v_email
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  if v_id is null and v_name is not null then
    -- Namesakes with another number or address are others. The bounds are lists, so that the index takes them.
    with found as materialized (
      select p.id, p.created_at from public.prospects p
      where p.user_id::text || '/' || left(lower(regexp_replace(btrim(p.full_name), '\s+', ' ', 'g')), 200)
          || e'\n' || left(coalesce(nullif(lower(btrim(p.company)), ''), p.metadata ->> 'scan_id', ''), 200)
          = p_user_id::text || '/' || v_name || e'\n' || v_company
        and (coalesce(p.phone, '') = '') = any (array[true, v_phone is not null])
        and (coalesce(p.email, '') = '') = any (array[true, v_email is not null])
    )
    select id into v_id from found order by created_at, id limit 1;
  end if;
  return v_id;
end
$$;
comment on function nexscout.known_prospect is
  'The oldest prospect of the user that an item speaks of: by phone, else e-mail, else name with the same company, or with none in the same scan; null when there is none';

create or replace function nexscout.fill_prospect(p_prospect_id uuid, p_item jsonb, p_metadata jsonb) returns void
language plpgsql set search_path = '' set enable_seqscan = off as $$
declare
  v_old public.prospects;
  v_new public.prospects;
begin
  -- A row that somebody is just changing or deleting is his: waiting for it could be a deadlock.
  select * into v_old from public.prospects where id = p_prospect_id for no key update skip locked;
  v_new := v_old;
  if coalesce(btrim(v_old.phone), '') = '' then
    v_new.phone := coalesce(p_item ->> 'phone', v_old.phone);
  end if;
  if coalesce(btrim(v_old.email), '') = '' then
    v_new.email := coalesce(p_item ->> 'email', v_old.email);
  end if;
  if coalesce(btrim(v_old.company), '') = '' then
    v_new.company := coalesce(p_item ->> 'company', v_old.company);
  end if;
  if v_old.id is not null and coalesce(v_old.metadata, '{}') = '{}' then
    v_new.metadata := p_metadata;
  end if;
  if (v_new.phone, v_new.email, v_new.company, v_new.metadata)
    is distinct from (v_old.phone, v_old.email, v_old.company, v_old.metadata) then
    update public.prospects set phone = v_new.phone, email = v_new.email, company = v_new.company,
      metadata = v_new.metadata, updated_at = clock_timestamp()
    where id = v_old.id;
  end if;
exception when others then
  -- A trigger of the app that refuses the change keeps the prospect as it is; the item tells all the same.
  raise warning 'scan: prospect % is not filled: %', p_prospect_id, sqlstate;
end
$$;
comment on function nexscout.fill_prospect is 'Gives a known prospect what it has nothing in; what stands there is never overwritten';

create or replace function nexscout.scanned_metadata(p_job public.scan_jobs, p_item jsonb) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object(
    'scout_score', p_item -> 'score', 'bucket', p_item ->> 'bucket', 'temperature', p_item ->> 'bucket',
    'tags', coalesce(nullif(p_item -> 'keywords', 'null'), '[]'),
    'pain_points', coalesce(nullif(p_item -> 'pain_points', 'null'), '[]'),
    'interests', coalesce(nullif(p_item -> 'interests', 'null'), '[]'),
    'scan_id', p_job.scan_id, 'scan_source', p_job.scan_type)
$$;
comment on function nexscout.scanned_metadata is 'What a prospect keeps of the item it came from';
