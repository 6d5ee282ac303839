-- The bucket of scan input: private, and each user has the folder of his id. A database without Supabase Storage gets none.
do $$
begin
  if to_regclass('storage.buckets') is null or to_regclass('storage.objects') is null then
    return;
  end if;
  -- No types are listed: browsers send a CSV under a dozen of them, and the function looks into the file itself.
  -- An existing bucket keeps a limit that somebody has chosen, and is closed to the public.
  insert into storage.buckets as b (id, name, public, file_size_limit)
  values ('scan-uploads', 'scan-uploads', false, 50000000)
  on conflict (id) do update set public = false, file_size_limit = coalesce(b.file_size_limit, excluded.file_size_limit);

  drop policy if exists "Users read their own scan uploads" on storage.objects;
  create policy "Users read their own scan uploads" on storage.objects for select to authenticated
    using (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);
  drop policy if exists "Users add their own scan uploads" on storage.objects;
  create policy "Users add their own scan uploads" on storage.objects for insert to authenticated
    with check (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);
  drop policy if exists "Users replace their own scan uploads" on storage.objects;
  create policy "Users replace their own scan uploads" on storage.objects for update to authenticated
    using (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text)
    with check (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);
  drop policy if exists "Users delete their own scan uploads" on storage.objects;
  create policy "Users delete their own scan uploads" on storage.objects for delete to authenticated
    using (bucket_id = 'scan-uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);
exception when insufficient_privilege then
  -- Where another role keeps the storage to itself, nobody but the service gets at the files, and the rest goes on.
  raise warning 'scan-uploads: the bucket or its policies are not made, this role may not: %', sqlerrm;
end
$$;
