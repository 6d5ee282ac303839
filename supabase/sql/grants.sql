-- Who may do what. Hosted projects grant every table and every new function of public to every key: what is not said here is theirs.

grant usage on schema nexscout to anon, authenticated, service_role;

-- Tables and views: row-level security decides beside these.

revoke all on public.ai_settings, public.ai_system_instructions, public.assistant_conversations, public.assistant_messages,
  public.ai_config_versions from anon, authenticated;
grant select, insert, update, delete on public.ai_settings, public.ai_system_instructions to authenticated;
grant select, delete on public.assistant_conversations to authenticated;
grant select on public.assistant_messages, public.ai_config_versions to authenticated;
grant all on public.ai_settings, public.ai_system_instructions, public.assistant_conversations, public.assistant_messages,
  public.ai_config_versions to service_role;

revoke all on public.ai_requests, public.ai_charge_groups, public.ai_jobs, public.chat_leads, public.scan_jobs, public.scan_blocks
  from anon, authenticated;
grant select on public.ai_requests, public.ai_jobs, public.chat_leads, public.scan_jobs to authenticated;

revoke all on public.ai_usage_logs, public.ai_usage_attempts,
  public.daily_ai_usage_summary, public.monthly_ai_usage_by_user, public.ai_model_usage_stats from anon;
revoke insert, update, delete, truncate, references, trigger on public.ai_usage_logs, public.ai_usage_attempts,
  public.daily_ai_usage_summary, public.monthly_ai_usage_by_user, public.ai_model_usage_stats from authenticated;
grant select on public.daily_ai_usage_summary, public.monthly_ai_usage_by_user, public.ai_model_usage_stats
  to authenticated, service_role;

-- Functions of nexscout are for the service. Those of triggers are for nobody: a trigger needs no grant to call them.

revoke all on all functions in schema nexscout from public, anon, authenticated;
grant execute on all functions in schema nexscout to service_role;
revoke all on function
  nexscout.bump_config_version, nexscout.guard_chat_message, nexscout.guard_chat_session, nexscout.guard_energy_row,
  nexscout.guard_ledger_insert, nexscout.guard_profile_money, nexscout.keep_ledger_rows, nexscout.record_energy_change,
  nexscout.refuse_truncate
  from service_role;
-- What policies, views and functions that run with the caller's rights lean on.
grant execute on function nexscout.is_admin to anon, authenticated;
grant execute on function
  nexscout.ai_configuration, nexscout.day_of, nexscout.may_read_usage_of, nexscout.month_start, nexscout.prospect_figures
  to authenticated;

-- Functions of public, which the API exposes. get_user_from_chatbot_id is missing here: it is for everybody, and may be the app's.

revoke all on function
  public.load_ai_configuration(), public.load_assistant_material(uuid, uuid)
  from public, anon, authenticated, service_role;
grant execute on function
  public.load_ai_configuration(), public.load_assistant_material(uuid, uuid)
  to authenticated;

revoke all on function
  public.get_user_total_ai_cost(uuid), public.get_user_monthly_ai_cost(uuid, timestamptz),
  public.get_user_monthly_tokens(uuid, timestamptz)
  from public, anon;
grant execute on function
  public.get_user_total_ai_cost(uuid), public.get_user_monthly_ai_cost(uuid, timestamptz),
  public.get_user_monthly_tokens(uuid, timestamptz)
  to authenticated, service_role;

revoke all on function
  public.assistant_open(uuid, text), public.chat_answer(uuid, text), public.chat_open(uuid, uuid, text, text),
  public.ai_configuration_of(uuid), public.ai_prospect_of(uuid, uuid), public.ai_enqueue_job(text),
  public.ai_claim_job(uuid, integer), public.ai_finish_job(uuid, integer, integer, text),
  public.ai_requeue_jobs(integer, integer, integer), public.ai_note_attempt(uuid, integer, text, text, text),
  public.ai_reserve(text), public.ai_settle(uuid, text), public.ai_release(uuid, text), public.ai_sweep(integer),
  public.scan_store_block(uuid, text), public.scan_claim(uuid, integer, integer),
  public.scan_open_blocks(uuid, integer, integer, integer), public.scan_fail(uuid, uuid, text, text, integer),
  public.scan_finish(uuid, integer, text), public.scan_accept(uuid, uuid, text, text, integer),
  public.scan_add_blocks(uuid, integer, integer, text), public.scan_queue(uuid, integer, text),
  public.scan_renew(uuid, integer, integer), public.scan_release(uuid, integer), public.scan_owner(uuid, uuid),
  public.scan_requeue(integer, integer, integer)
  from public, anon, authenticated;
grant execute on function
  public.assistant_open(uuid, text), public.chat_answer(uuid, text), public.chat_open(uuid, uuid, text, text),
  public.ai_configuration_of(uuid), public.ai_prospect_of(uuid, uuid), public.ai_enqueue_job(text),
  public.ai_claim_job(uuid, integer), public.ai_finish_job(uuid, integer, integer, text),
  public.ai_requeue_jobs(integer, integer, integer), public.ai_note_attempt(uuid, integer, text, text, text),
  public.ai_reserve(text), public.ai_settle(uuid, text), public.ai_release(uuid, text), public.ai_sweep(integer),
  public.scan_store_block(uuid, text), public.scan_claim(uuid, integer, integer),
  public.scan_open_blocks(uuid, integer, integer, integer), public.scan_fail(uuid, uuid, text, text, integer),
  public.scan_finish(uuid, integer, text), public.scan_accept(uuid, uuid, text, text, integer),
  public.scan_add_blocks(uuid, integer, integer, text), public.scan_queue(uuid, integer, text),
  public.scan_renew(uuid, integer, integer), public.scan_release(uuid, integer), public.scan_owner(uuid, uuid),
  public.scan_requeue(integer, integer, integer)
  to service_role;
