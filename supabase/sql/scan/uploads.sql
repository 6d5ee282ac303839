-- The files of scan input: each user has the folder of his id in the bucket. A database without Supabase Storage has no files.

do $$
begin
  if to_regclass('storage.objects') is null then
    return;
  end if;

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
  raise warning 'scan-uploads: the policies are not made, this role may not: %', sqlerrm;
end
$$;
