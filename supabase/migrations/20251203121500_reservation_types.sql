-- What the functions of a call hand to each other.

do $$
begin
  create type nexscout.reservation as (
    request_id uuid,
    user_id uuid,
    function_name text,
    action text,
    units integer,
    candidates jsonb,
    cost_bound_usd numeric,
    hold_seconds integer,
    requested_model text,
    paid_tiers_only boolean,
    idempotency_scope text,
    idempotency_key text,
    body_hash text,
    group_key text,
    prospect_id uuid,
    prompt_version text,
    visitor_session_id uuid,
    visitor_address_hash text,
    shadow boolean
  );
exception when duplicate_object then null;
end
$$;
comment on type nexscout.reservation is
  'What ai_reserve takes. candidates: ordered [{"model", "provider", "model_class", "cost_bound_usd"}]; cost_bound_usd: over all attempts';

do $$
begin
  create type nexscout.visitor_use as (
    energy bigint,
    cost_usd numeric,
    session_energy bigint,
    address_energy bigint,
    address_cost_usd numeric
  );
exception when duplicate_object then null;
end
$$;
comment on type nexscout.visitor_use is
  'What a workspace''s visitors have used and hold since the day began: all of them, this one''s session, this one''s address';

do $$
begin
  create type nexscout.choice as (
    refusal nexscout.outcome,
    detail jsonb,
    model text,
    provider text,
    model_class text,
    cost_bound_usd numeric,
    cost_held_usd numeric,
    energy integer,
    coins integer,
    downgrade_reason text,
    group_id uuid
  );
exception when duplicate_object then null;
end
$$;
comment on type nexscout.choice is 'The candidate that a call is admitted with, what it holds and the group that it joins, or why there is none';
