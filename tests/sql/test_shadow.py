"""A shadow call in the database: it holds USD and writes its marked rows, and changes nothing else."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.money import Answer, Money, attempt, written
from tests.sql.test_limits import visitor

OWN_ROWS = ("ai_requests", "ai_usage_logs", "ai_usage_attempts")
"""The tables in which a shadow call writes its own rows."""


def rows_of(money: Money, user: UUID) -> dict[str, list[Any]]:
    """Return every row of a user, without those of shadow calls."""
    tables = money.rows(
        """select table_name as name from information_schema.columns join information_schema.tables
           using (table_schema, table_name)
           where table_schema = 'public' and column_name = 'user_id' and table_type = 'BASE TABLE'"""
    )
    seen = {}
    for table in tables:
        query = f"select to_jsonb(t)::text as row from public.{table['name']} t where user_id = %s order by 1"
        rows = [json.loads(row["row"]) for row in money.rows(query, user)]
        shadows = {str(row["id"]) for row in money.rows("select id from public.ai_requests where shadow")}
        kept = [row for row in rows if not (row.get("shadow") or row.get("request_id") in shadows)]
        seen[table["name"]] = kept
    assert set(OWN_ROWS) < set(seen)
    return seen


@pytest.fixture(autouse=True)
def _room_in_the_day(money: Money) -> Iterator[None]:
    """Let the shadow calls of other tests in the same database use nothing of the day's cap."""
    with money.policy(shadow_cost_usd_per_day=1_000_000):
        yield


@pytest.fixture
def spent(money: Money) -> Callable[[], Decimal]:
    """Return what today's shadow calls have spent and hold; the database is shared with other tests."""

    def sum_of_today() -> Decimal:
        return Decimal(
            money.value(
                """select coalesce(sum(coalesce(cost_usd, cost_held_usd)), 0) from public.ai_requests
                   where shadow and created_at >= nexscout.day_start(now())"""
            )
        )

    return sum_of_today


def test_a_shadow_holds_no_energy_and_returns_the_true_prices(money: Money) -> None:
    """An account without energy is admitted too; fallbacks are judged by what they would cost."""
    user = money.account(energy=0)
    answer = money.reserve(user, "premium", "standard", shadow=True)
    assert (answer["outcome"], answer["model"], answer["energy_held"]) == ("reserved", "gpt-4o", 0)
    assert answer["class_energy"] == {"premium": 10, "standard": 3}
    assert answer["downgrade_reason"] is None
    request = money.request(UUID(answer["request_id"]))
    assert (request["shadow"], request["energy_held"], request["coins_held"]) == (True, 0, 0)
    assert money.bound(user) == 0


def test_a_shadow_meets_the_tier(money: Money) -> None:
    """A free user's copy gets the model of a real call, and features of paid tiers are refused."""
    user = money.account(tier="free")
    answer = money.reserve(user, "premium", "standard", shadow=True)
    assert (answer["model"], answer["downgrade_reason"]) == ("gpt-4o-mini", "tier")
    refused = money.reserve(user, "premium", shadow=True)
    assert refused["outcome"] == "upgrade_required"


def test_a_settled_shadow_records_tokens_and_usd_and_charges_nothing(money: Money) -> None:
    """The usage row and the attempt have the exact cost and the mark."""
    user = money.account(coins=7)
    before = rows_of(money, user)
    request = money.held(user, shadow=True)
    assert money.note(request)["outcome"] == "noted"
    ended = money.settle(request, attempt(1, "failed", cost_usd="0.001"), attempt(2), model_class="premium")
    assert (ended["outcome"], ended["energy_charged"], ended["cost_usd"]) == ("settled", 0, "0.004500000000")
    usage = money.usage(request)
    assert (usage["shadow"], usage["success"], usage["cost_usd"]) == (True, True, Decimal("0.0045"))
    assert (usage["tokens_total"], usage["energy_consumed"], usage["coins_consumed"]) == (2200, 0, 0)
    assert [row["cost_usd"] for row in money.attempts(request)] == [Decimal("0.001"), Decimal("0.0035")]
    assert rows_of(money, user) == before
    assert money.broken(user) == []


@pytest.mark.parametrize("end", ["settle", "release"])
def test_a_shadow_leaves_no_row_of_its_feature(end: str, money: Money) -> None:
    """None of a settlement's rows is written, and none is reported as refused."""
    user = money.account()
    before = rows_of(money, user)
    request = money.held(user, shadow=True)
    generation = {"id": str(uuid4()), "generation_type": "message", "output_text": "Kumusta!"}
    turn = {"conversation_id": str(uuid4()), "is_new": True, "title": "t", "message": "m", "answer": "a"}
    ended = getattr(money, end)(request, attempt(), generation=generation, assistant=turn)
    assert ended["storage_error"] is None
    assert rows_of(money, user) == before


def test_a_shadow_takes_neither_key_nor_group(money: Money) -> None:
    """The real call with the same key and transaction is admitted, runs, and is charged as if it were alone."""
    user = money.account()
    named: dict[str, Any] = {"idempotency_key": "k", "body_hash": "h", "group_key": "g"}
    shadow = money.held(user, shadow=True, **named)
    money.settle(shadow, model_class="premium", reply={"message": "Kumusta!"})
    row = money.request(shadow)
    assert (row["idempotency_key"], row["group_id"], row["reply"]) == (None, None, None)
    real = money.reserve(user, **named)
    assert (real["outcome"], real["energy_held"]) == ("reserved", 10)
    assert money.settle(UUID(real["request_id"]), model_class="premium")["energy_charged"] == 10


def test_a_shadow_is_not_answered_by_an_earlier_reply(money: Money) -> None:
    """The copy of a call whose key has a stored reply is a new call."""
    user = money.account()
    named: dict[str, Any] = {"idempotency_key": "k", "body_hash": "h"}
    money.settle(money.held(user, **named), reply={"message": "Kumusta!"})
    assert money.reserve(user, shadow=True, **named)["outcome"] == "reserved"


def test_shadows_use_up_no_calls_a_minute(money: Money) -> None:
    """With one call a minute, the user's own call is admitted after three shadow calls, and shadow calls after it."""
    user = money.account(tier="team")
    with money.tier_limit("team", "calls_per_minute", 1):
        outcomes = [
            money.reserve(user, shadow=shadow)["outcome"] for shadow in (True, True, False, True, False)
        ]
    assert outcomes == ["reserved", "reserved", "reserved", "reserved", "rate_limited"]


def test_shadows_are_in_no_monthly_cap(money: Money) -> None:
    """A cap that one call fills is still free for it after shadow calls of the same cost."""
    user = money.account()
    money.admin.execute("insert into public.ai_spend_caps values ('user', %s, 0.02)", [user])
    money.admin.execute("insert into public.ai_spend_caps values ('workspace', %s, 0.02)", [user])
    outcomes = [money.reserve(user, shadow=shadow)["outcome"] for shadow in (True, False, True, False)]
    assert outcomes == ["reserved", "reserved", "reserved", "spend_cap_reached"]


def test_shadows_use_up_nothing_of_a_visitors_day(money: Money) -> None:
    """Session, address and workspace have the same remaining calls, energy and USD as before."""
    owner, session = money.account(), str(uuid4())
    with money.policy(visitor_session_calls_per_minute=1, visitor_cost_usd_per_day="0.02"):
        asked = visitor(session)
        shadow = money.held(owner, shadow=True, **asked)
        assert money.request(shadow)["visitor_session_id"] is None
        outcomes = [money.reserve(owner, shadow=s, **asked)["outcome"] for s in (False, True, False)]
    assert outcomes == ["reserved", "reserved", "visitor_cap_reached"]


def test_refused_shadows_keep_no_refusal_of_a_user_out_of_the_log(money: Money) -> None:
    """A user's refusals are recorded as often as calls are allowed, whatever happened to shadow calls."""
    user = money.account(tier="enterprise", energy=0)
    with money.policy(shadow_cost_usd_per_day=0), money.tier_limit("enterprise", "calls_per_minute", 1):
        for shadow in (True, False, True, False):
            money.reserve(user, shadow=shadow)
    rows = money.rows("select shadow, error_code from public.ai_usage_logs where user_id = %s", user)
    assert sorted((row["shadow"], row["error_code"]) for row in rows) == [
        (False, "insufficient_energy"),
        (True, "spend_cap_reached"),
    ]


def test_the_days_cap_is_seeded(money: Money) -> None:
    """The default is 5 USD."""
    default = money.value(
        """select column_default from information_schema.columns
           where table_name = 'ai_policy' and column_name = 'shadow_cost_usd_per_day'"""
    )
    assert default == "5"


def test_a_shadow_over_the_days_cap_is_refused(money: Money, spent: Callable[[], Decimal]) -> None:
    """Spent, held and this call's bound may reach the cap and no more; an unused bound is free again."""
    user, other = money.account(), money.account()
    with money.policy(shadow_cost_usd_per_day=spent() + Decimal("0.04")):
        first = money.held(user, shadow=True)
        money.held(other, shadow=True)
        assert money.reserve(user, shadow=True)["outcome"] == "spend_cap_reached"
        money.settle(first, attempt(cost_usd="0"))
        assert money.reserve(user, shadow=True)["outcome"] == "reserved"
        assert money.reserve(user)["outcome"] == "reserved", "nobody else's calls know of that cap"


def test_shadows_at_once_stay_within_the_days_cap(
    money: Money, money_url: str, spent: Callable[[], Decimal]
) -> None:
    """Of twenty simultaneous ones as many are admitted as fit."""
    user = money.account()

    def reserve(_: int) -> str:
        with psycopg.connect(money_url, options="-c role=service_role") as connection:
            sent = [written(user, shadow=True, cost_bound_usd="0.02")]
            row = connection.execute("select public.ai_reserve(%s)", sent).fetchone()
        assert row is not None
        answer: Answer = row[0]
        return str(answer["outcome"])

    with (
        money.policy(shadow_cost_usd_per_day=spent() + Decimal("0.1")),
        ThreadPoolExecutor(8) as pool,
    ):
        outcomes = list(pool.map(reserve, range(20)))
    assert outcomes.count("reserved") == 5


def test_a_shadow_refills_and_makes_no_account(money: Money) -> None:
    """Only real calls refill an account or create a missing one."""
    late, missing = money.account(energy=1), money.account(energy=None)
    money.admin.execute(
        "update public.user_energy set last_reset = last_reset - interval '1 day' where user_id = %s", [late]
    )
    money.admin.execute("delete from public.user_energy where user_id = %s", [missing])
    for user in (late, missing):
        before = rows_of(money, user)
        money.settle(money.held(user, shadow=True))
        assert rows_of(money, user) == before


def test_a_shadow_ends_no_hold_of_a_user(money: Money) -> None:
    """An expired hold is left to real calls and to the sweep."""
    user = money.account()
    real = money.held(user)
    money.expire(real)
    before = rows_of(money, user)
    money.settle(money.held(user, shadow=True))
    assert rows_of(money, user) == before


def test_an_abandoned_shadow_is_closed_by_the_sweep(money: Money) -> None:
    """It is recorded at its upper bound, marked, and without energy."""
    user = money.account()
    request = money.held(user, shadow=True)
    money.expire(request)
    money.sweep()
    usage = money.usage(request)
    assert (usage["shadow"], usage["error_code"], usage["cost_usd"]) == (True, "abandoned", Decimal("0.01"))
    assert money.balance(user) == 500
    assert money.broken(user) == []


def test_shadows_are_no_use_of_their_user(money: Money) -> None:
    """The user's totals and the views count only real calls; the rows have the mark."""
    user = money.account()
    money.settle(money.held(user), attempt(cost_usd="0.0035"))
    money.settle(money.held(user, shadow=True), attempt(cost_usd="0.0035"))
    assert money.value("select public.get_user_total_ai_cost(%s)", user) == Decimal("0.0035")
    assert money.value("select public.get_user_monthly_ai_cost(%s)", user) == Decimal("0.0035")
    assert money.value("select public.get_user_monthly_tokens(%s)", user) == 1100
    for view in ("daily_ai_usage_summary", "monthly_ai_usage_by_user"):
        assert money.value(f"select sum(calls) from public.{view} where user_id = %s", user) == 1
    assert money.value("select sum(cost_usd) from public.ai_usage_logs where user_id = %s", user) == Decimal(
        "0.007"
    )


def test_the_service_gets_the_owner_of_a_scan(money: Money) -> None:
    """The service gets the owner's own scan, or (without a user) its owner; nothing for another user."""
    user, other = money.account(), money.account()
    scan = money.value("insert into public.scans (user_id) values (%s) returning id", user)
    asked = [(scan, user), (scan, None), (scan, other), (uuid4(), None)]
    reported = [money.value("select public.scan_owner(%s, %s)", *each) for each in asked]
    assert reported == [user, user, None, None]
