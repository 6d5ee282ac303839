"""What holds for every account and its scans after every statement: queries that must return no row."""

from uuid import UUID

import psycopg

# Of one user. Each returned row is a broken promise.
INVARIANTS = {
    "the balance is not negative": "select from public.user_energy where user_id = %(user)s and current_energy < 0",
    "the ledger sums to the balance": """
        select from public.user_energy e where e.user_id = %(user)s and e.current_energy is distinct from
          (select sum(t.delta) from public.energy_transactions t where t.user_id = e.user_id)""",
    "each ledger row tells the balance after it": """
        select from (
          select balance_after, sum(delta) over (order by created_at rows unbounded preceding) as running
          from public.energy_transactions where user_id = %(user)s and delta is not null) t
        where balance_after <> running""",
    "a request's ledger rows are its charge": """
        select from public.ai_requests r where r.user_id = %(user)s and r.energy_charged is distinct from
          (select coalesce(-sum(t.delta), 0) from public.energy_transactions t where t.request_id = r.id)""",
    "a request is charged once": """
        select from public.energy_transactions where user_id = %(user)s and request_id is not null
        group by request_id having count(*) > 1""",
    "only what was delivered is charged, never more than was held": """
        select from public.ai_requests where user_id = %(user)s
          and (energy_charged > energy_held or coins_charged > coins_held
               or state <> 'settled' and energy_charged + coins_charged > 0)""",
    "an ended request has its usage row": """
        select from public.ai_requests r left join public.ai_usage_logs l on l.request_id = r.id
        where r.user_id = %(user)s
          and (r.state in ('settled', 'released') or r.swept_at is not null)
          and (l.id is null or l.success <> (r.state = 'settled') or l.energy_consumed <> r.energy_charged
               or l.coins_consumed <> r.coins_charged or l.cost_usd is distinct from r.cost_usd)""",
    "an open request has none": """
        select from public.ai_requests r join public.ai_usage_logs l on l.request_id = r.id
        where r.user_id = %(user)s and r.state = 'held' and l.error_code is null""",
    "the attempts' costs sum to the log": """
        select from public.ai_usage_logs l join public.ai_requests r on r.id = l.request_id
        where l.user_id = %(user)s and r.state <> 'held' and (r.state <> 'expired' or r.swept_at is not null)
          and l.cost_usd is distinct from
            (select coalesce(sum(a.cost_usd), 0) from public.ai_usage_attempts a where a.request_id = l.request_id)""",
    "no attempt of an ended request is open": """
        select from public.ai_requests r join public.ai_usage_attempts a on a.request_id = r.id
        where r.user_id = %(user)s and a.state = 'intended'
          and (r.state in ('settled', 'released') or r.swept_at is not null)""",
    "a group is charged what its dearest delivered call costs": """
        select from public.ai_charge_groups g
        join public.ai_requests r on r.group_id = g.id and r.state = 'settled'
        where g.user_id = %(user)s
        group by g.id
        having sum(r.energy_charged) > max((r.class_energy ->> r.model_class)::integer)""",
    "a scan's figures are those of its items": """
        select from public.scan_jobs j
        join lateral (
          select count(*) as items, count(*) filter (where i.metadata ? 'duplicate_of') as merged,
            count(*) filter (where i.metadata ->> 'bucket' = 'hot') as hot,
            count(*) filter (where i.metadata ->> 'bucket' = 'warm') as warm,
            count(*) filter (where i.metadata ->> 'bucket' = 'cold') as cold
          from public.scan_processed_items i where i.scan_id = j.scan_id) i on true
        where j.user_id = %(user)s
          and (j.items, j.merged, j.hot, j.warm, j.cold) <> (i.items, i.merged, i.hot, i.warm, i.cold)""",
    "a scan's blocks are counted once": """
        select from public.scan_jobs j
        join lateral (select count(*) filter (where b.state = 'done') as done, sum(b.items) as items,
            count(*) filter (where b.state = 'done' and b.records is not null) as not_erased
          from public.scan_blocks b where b.scan_id = j.scan_id) b on true
        where j.user_id = %(user)s
          and (j.blocks_done <> b.done or j.items <> coalesce(b.items, 0) or b.not_erased > 0
            or j.state = 'done' and j.blocks_done <> j.blocks_total)""",
    "the row of a scan has its counts": """
        select from public.scan_jobs j join public.scans s on s.id = j.scan_id
        where j.user_id = %(user)s
          and ((s.total_items, s.hot_leads, s.warm_leads, s.cold_leads) <> (j.items, j.hot, j.warm, j.cold)
            or j.state in ('done', 'failed') and s.status not in ('completed', 'failed'))""",
    "the progress of a scan never falls": """
        select from (
          select t.percent < lag(t.percent) over steps or t.updated_at <= lag(t.updated_at) over steps as falls
          from public.scan_status t join public.scan_jobs j on j.scan_id = t.scan_id
          where j.user_id = %(user)s window steps as (partition by t.scan_id order by t.updated_at)) t
        where falls""",
}
QUERY = " union all ".join(
    f"select '{name.replace(chr(39), chr(39) * 2)}' where exists ({query})"
    for name, query in INVARIANTS.items()
)


def broken(connection: psycopg.Connection, user_id: UUID) -> list[str]:
    """Return the names of the invariants that do not hold for a user."""
    return [name for (name,) in connection.execute(QUERY.encode(), {"user": user_id}).fetchall()]
