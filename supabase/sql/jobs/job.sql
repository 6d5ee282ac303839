-- Work that takes longer than a request: asked for, leased by one worker at a time, answered once.

create or replace function public.ai_enqueue_job(p_job text) returns jsonb
language plpgsql set search_path = '' as $$
declare
  p public.ai_jobs := jsonb_populate_record(null::public.ai_jobs, p_job::jsonb);
  v_earlier public.ai_jobs;
begin
  insert into public.ai_jobs (id, user_id, function_name, body, body_hash, idempotency_key, created_at)
  values (p.id, p.user_id, p.function_name, p.body, p.body_hash, p.idempotency_key, clock_timestamp())
  on conflict do nothing;
  if found then
    return jsonb_build_object('outcome', 'reserved'::nexscout.outcome, 'id', p.id);
  end if;
  -- The same key, or the same job whose first answer was lost.
  select * into v_earlier from public.ai_jobs
  where user_id = p.user_id and (id = p.id or idempotency_key = p.idempotency_key);
  return jsonb_build_object(
    'outcome', (case when v_earlier.body_hash = p.body_hash then 'replayed' else 'idempotency_conflict' end)::nexscout.outcome,
    'id', v_earlier.id);
exception when foreign_key_violation then
  return jsonb_build_object('outcome', 'unknown_account'::nexscout.outcome);
end
$$;
comment on function public.ai_enqueue_job is
  'Takes a job once: the same idempotency key and body gives the first one again. For the service key only';

create or replace function public.ai_claim_job(p_job_id uuid, p_lease_seconds integer) returns jsonb
language sql set search_path = '' as $$
  update public.ai_jobs j
  set state = 'running', tries = j.tries + 1, sends = 0,
    lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
  where j.id = (
    select w.id from public.ai_jobs w
    where w.id = p_job_id
      and (w.state = 'queued' or (w.state = 'running' and w.lease_until <= clock_timestamp()))
    for update skip locked)
  returning jsonb_build_object(
    'id', j.id, 'user_id', j.user_id, 'body', j.body::text, 'idempotency_key', j.idempotency_key, 'tries', j.tries)
$$;
comment on function public.ai_claim_job is
  'Leases a job, also one whose lease ran out; null where it is done or somebody works on it. For the service key only';

create or replace function public.ai_finish_job(p_job_id uuid, p_tries integer, p_status integer, p_reply text)
returns boolean
language plpgsql set search_path = '' as $$
begin
  -- Only the worker whose lease is the newest may answer.
  update public.ai_jobs
  set state = 'done', reply = p_reply::jsonb, reply_status = p_status, finished_at = clock_timestamp()
  where id = p_job_id and state = 'running' and tries = p_tries;
  return found;
end
$$;
comment on function public.ai_finish_job is 'Stores the answer of a job, once. For the service key only';

create or replace function public.ai_requeue_jobs(p_older_than_seconds integer, p_limit integer default 100,
  p_most_sends integer default 20) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(secs => p_older_than_seconds);
  v_open uuid;
  v_sends integer;
  v_jobs jsonb := '[]';
  v_gave_up integer := 0;
begin
  for v_open in
    select id from public.ai_jobs
    where (state = 'queued' and sent_at <= v_before) or (state = 'running' and greatest(lease_until, sent_at) <= v_before)
    order by sent_at limit p_limit for update skip locked
  loop
    update public.ai_jobs set sends = sends + 1, sent_at = clock_timestamp() where id = v_open returning sends into v_sends;
    if v_sends <= p_most_sends then
      v_jobs := v_jobs || to_jsonb(v_open);
    else
      update public.ai_jobs set state = 'done', reply_status = 500, finished_at = clock_timestamp(),
        reply = jsonb_build_object('success', false, 'error', 'Something went wrong on our side. Please try again.',
          'code', 'internal_error', 'requestId', id, 'details', '[]'::jsonb)
      where id = v_open;
      v_gave_up := v_gave_up + 1;
    end if;
  end loop;
  return jsonb_build_object('jobs', v_jobs, 'gave_up', v_gave_up);
end
$$;
comment on function public.ai_requeue_jobs is
  'The jobs that wait for a worker for so long that their message must be lost, to be sent again; each once in that time, and answered as failed after p_most_sends. For the service key only';
