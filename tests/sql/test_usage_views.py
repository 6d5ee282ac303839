"""Usage for people: indexes for the questions, and helpers and views that show one's own calls."""

from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest

from tests.sql.money import Money, attempt
from tests.sql.roles import ADMINISTRATOR, OTHER, OWNER, Key, acting_as, make_users

INDEXES = {
    "ai_usage_logs_user_created_idx": "(user_id, created_at DESC)",
    "ai_usage_logs_workspace_created_idx": "(workspace_id, created_at DESC)",
    "ai_usage_logs_prospect_idx": "(prospect_id) WHERE (prospect_id IS NOT NULL)",
    "ai_usage_logs_action_created_idx": "(action, created_at DESC)",
    "ai_usage_logs_model_created_idx": "(model, created_at DESC)",
    "ai_usage_logs_cost_created_idx": "(cost_usd DESC, created_at DESC)",
    "ai_usage_logs_errors_idx": "(created_at DESC, error_code) WHERE (NOT success)",
}
VIEWS = ("daily_ai_usage_summary", "monthly_ai_usage_by_user", "ai_model_usage_stats")
# User, workspace, model, success, tokens, USD, energy, latency, time. 16:00 UTC is midnight in Manila.
CALLS = """
OWNER  OWNER  gpt-4o       t  1000  0.5   10  100  2026-10-31T15:59:59Z
OWNER  OWNER  gpt-4o       t  2000  0.25  10  300  2026-10-31T16:00:00Z
OWNER  OWNER  gpt-4o-mini  f  0     0.01  0   900  2026-11-30T15:59:59Z
OTHER  OTHER  gpt-4o       t  7000  4     10  500  2026-11-10T00:00:00Z
"""


@pytest.fixture
def session(money_url: str) -> Iterator[psycopg.Connection]:
    """Yield a transaction with the three users and their calls that is rolled back."""
    with psycopg.connect(money_url) as opened:
        make_users(opened)
        for line in CALLS.strip().splitlines():
            user, workspace, model, success, tokens, cost, energy, latency, at = line.split()
            opened.execute(
                """insert into public.ai_usage_logs (request_id, user_id, workspace_id, function_name, action, provider,
                     model, success, tokens_total, cost_usd, energy_consumed, latency_ms, created_at, downgrade_reason)
                   values (gen_random_uuid(), %s, %s, 'generate-ai-content', 'ai_message', 'openai', %s, %s, %s, %s, %s,
                     %s, %s, %s)""",
                [
                    {"OWNER": OWNER, "OTHER": OTHER}[user],
                    {"OWNER": OWNER, "OTHER": OTHER}[workspace],
                    model,
                    success,
                    tokens,
                    cost,
                    energy,
                    latency,
                    at,
                    "energy" if model == "gpt-4o-mini" else None,
                ],
            )
        yield opened
        opened.rollback()


def as_user(session: psycopg.Connection, user: str, statement: str) -> list[tuple[object, ...]]:
    """Return the rows that a signed-in user gets."""
    with acting_as(session, Key("authenticated", user)):
        return session.execute(statement.encode()).fetchall()


def test_seven_indexes_carry_the_questions(money: Money) -> None:
    """User and date, workspace and date, prospect, action and date, model and date, cost and date, errors."""
    found = money.admin.execute(
        "select indexname, indexdef from pg_indexes where tablename = 'ai_usage_logs' and indexname like '%_idx'"
    ).fetchall()
    assert {str(name): str(definition).split("btree ")[1] for name, definition in found} == INDEXES


def test_everything_is_described(money: Money) -> None:
    """Every table, helper and view has a comment."""
    undescribed = money.admin.execute(
        """select what from (
             select relname::text as what, obj_description(oid, 'pg_class') as said from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and relname like '%ai\\_%usage%'
             union all
             select proname::text, obj_description(oid, 'pg_proc') from pg_proc
             where pronamespace = 'public'::regnamespace and proname like 'get\\_user\\_%ai%'
           ) objects where said is null"""
    ).fetchall()
    assert undescribed == []


# Helper and its argument after the user, for the owner: calculated from the calls above.
FIGURES = [
    ("get_user_total_ai_cost", "", Decimal("0.76")),
    ("get_user_monthly_ai_cost", ", '2026-10-15T00:00:00Z'", Decimal("0.5")),
    ("get_user_monthly_ai_cost", ", '2026-11-15T00:00:00Z'", Decimal("0.26")),
    ("get_user_monthly_ai_cost", ", '2026-10-31T16:00:00Z'", Decimal("0.26")),
    ("get_user_monthly_ai_cost", ", '2026-12-15T00:00:00Z'", Decimal(0)),
    ("get_user_monthly_tokens", ", '2026-11-15T00:00:00Z'", 2000),
    ("get_user_monthly_tokens", ", '2026-10-15T00:00:00Z'", 1000),
]


@pytest.mark.parametrize(("helper", "at", "figure"), FIGURES)
def test_helper_is_for_oneself_and_administrators(
    helper: str, at: str, figure: object, session: psycopg.Connection
) -> None:
    """The owner and an administrator get the figure, another user nothing, by months of Manila."""
    statement = f"select public.{helper}('{OWNER}'{at})"
    seen = [as_user(session, who, statement) for who in (OWNER, ADMINISTRATOR, OTHER)]
    assert seen == [[(figure,)], [(figure,)], [(None,)]]


def test_helper_without_a_user_is_not_everybody(session: psycopg.Connection) -> None:
    """A null gives no figure."""
    assert as_user(session, OWNER, "select public.get_user_total_ai_cost(null)") == [(None,)]


def test_daily_summary_counts_days_of_manila(session: psycopg.Connection) -> None:
    """Two calls a second apart are on two days: the day changes at 16:00 UTC."""
    rows = as_user(
        session,
        OWNER,
        """select day::text, calls, succeeded, tokens_total, cost_usd, energy_consumed
           from public.daily_ai_usage_summary order by day""",
    )
    assert rows == [
        ("2026-10-31", 1, 1, 1000, Decimal("0.5"), 10),
        ("2026-11-01", 1, 1, 2000, Decimal("0.25"), 10),
        ("2026-11-30", 1, 0, 0, Decimal("0.01"), 0),
    ]


def test_monthly_usage_counts_months_of_manila(session: psycopg.Connection) -> None:
    """November in Manila starts on the last afternoon of October in UTC."""
    rows = as_user(
        session,
        OWNER,
        """select month::text, calls, succeeded, tokens_total, cost_usd
           from public.monthly_ai_usage_by_user order by month""",
    )
    assert rows == [
        ("2026-10-01", 1, 1, 1000, Decimal("0.5")),
        ("2026-11-01", 2, 1, 2000, Decimal("0.26")),
    ]


def test_model_statistics_have_success_latency_and_downgrades(session: psycopg.Connection) -> None:
    """Latency is that of delivered calls: of 100 and 300 ms the average is 200, the 95th percentile 290."""
    rows = as_user(
        session,
        OWNER,
        """select model, calls, succeeded, average_latency_ms, p95_latency_ms, cost_usd, downgrades
           from public.ai_model_usage_stats order by model""",
    )
    assert rows == [
        ("gpt-4o", 2, 2, Decimal(200), 290.0, Decimal("0.75"), 0),
        ("gpt-4o-mini", 1, 0, None, None, Decimal("0.01"), 1),
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_view_runs_with_the_rights_of_its_reader(view: str, session: psycopg.Connection) -> None:
    """Each view is security_invoker: a user sees own rows, an administrator all, a visitor is refused."""
    calls = f"select coalesce(sum(calls), 0)::integer from public.{view}"
    seen = [as_user(session, who, calls) for who in (OWNER, OTHER, ADMINISTRATOR)]
    total = session.execute(
        "select count(*)::integer from public.ai_usage_logs where model is not null and not shadow"
    ).fetchall()
    assert seen[:2] == [[(3,)], [(1,)]]
    assert seen[2] == total or view != "ai_model_usage_stats"
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        session.transaction(),
        acting_as(session, Key("anon")),
    ):
        session.execute(calls.encode())


def test_workspace_owner_sees_calls_made_in_the_workspace(session: psycopg.Connection) -> None:
    """The owner sees a call that another user made in the owner's workspace."""
    session.execute("update public.ai_usage_logs set workspace_id = %s where user_id = %s", [OWNER, OTHER])
    seen = as_user(session, OWNER, "select count(*) from public.ai_usage_logs")
    assert seen == [(4,)]


@pytest.mark.parametrize("verb", ["insert", "update", "delete"])
def test_users_write_no_usage(verb: str, session: psycopg.Connection) -> None:
    """Only the service writes usage and attempts."""
    statements = {
        "insert": "insert into public.ai_usage_logs (request_id, user_id, function_name, action, success) "
        f"values (gen_random_uuid(), '{OWNER}', 'f', 'a', true)",
        "update": "update public.ai_usage_logs set cost_usd = 0",
        "delete": "delete from public.ai_usage_logs",
    }
    with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
        as_user(session, OWNER, statements[verb])


def test_month_that_reserve_caps_is_the_month_of_the_helper(money: Money) -> None:
    """The cost of a settled call is in the user's month at once."""
    user = money.account()
    money.settle(money.held(user), attempt(cost_usd="0.0035"))
    assert money.value("select public.get_user_monthly_ai_cost(%s)", user) == Decimal("0.0035")
