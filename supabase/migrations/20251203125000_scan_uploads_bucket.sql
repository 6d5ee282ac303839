-- The bucket of scan input: private. A database without Supabase Storage gets none.
do $$
begin
  if to_regclass('storage.buckets') is null or to_regclass('storage.objects') is null then
    return;
  end if;
  -- A bucket without its policies is of no use to anybody: they need the owner's rights.
  if not exists (
    select from pg_catalog.pg_class
    where oid = to_regclass('storage.objects') and pg_has_role(current_user, relowner, 'usage')
  ) then
    raise warning 'scan-uploads: the bucket is not made, this role may not give storage.objects its policies';
    return;
  end if;
  -- No types are listed: browsers send a CSV under a dozen of them, and the function looks into the file itself.
  -- An existing bucket keeps a limit that somebody has chosen, and is closed to the public.
  insert into storage.buckets as b (id, name, public, file_size_limit)
  values ('scan-uploads', 'scan-uploads', false, 50000000)
  on conflict (id) do update set public = false, file_size_limit = coalesce(b.file_size_limit, excluded.file_size_limit);
exception when insufficient_privilege then
  -- Where another role keeps the storage to itself, nobody but the service gets at the files, and the rest goes on.
  raise warning 'scan-uploads: the bucket is not made, this role may not: %', sqlerrm;
end
$$;
