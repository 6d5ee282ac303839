"""Calls per minute and the daily use of anonymous visitors, which are rows that the owner of the system edits."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.money import Money, attempt


def visitor(session: str, address: str = "address", **overrides: object) -> dict[str, Any]:
    """Return a call of an anonymous visitor of the owner's page."""
    return {
        "action": "ai_chatbot_response",
        "function_name": "public-chatbot-chat",
        "visitor_session_id": session,
        "visitor_address_hash": address,
    } | overrides


@contextmanager
def tier(money: Money, name: str, calls_per_minute: int) -> Iterator[None]:
    """Change the calls per minute of a tier for the block."""
    with money.tier_limit(name, "calls_per_minute", calls_per_minute):
        yield


def age(money: Money, request: UUID, seconds: float) -> None:
    """Let a call have been made earlier."""
    money.admin.execute(
        "update public.ai_requests set created_at = created_at - make_interval(secs => %s) where id = %s",
        [seconds, request],
    )


def test_limits_are_seeded_as_designed(money: Money) -> None:
    """Free has 60 calls a minute, the others 600; a visitor's session 20, an address 60; 500 energy and 2 USD a day.

    Of these an address and a session have 140, an address 1 USD, and the premium class 70.
    """
    tiers = money.admin.execute("select tier, calls_per_minute, daily_energy from public.ai_tiers").fetchall()
    assert sorted(tiers) == [
        ("enterprise", 600, 5000),
        ("free", 60, 100),
        ("pro", 600, 500),
        ("team", 600, 1000),
    ]
    (policy,) = money.rows("select * from public.ai_policy")
    assert [
        policy["visitor_session_calls_per_minute"],
        policy["visitor_address_calls_per_minute"],
        policy["visitor_energy_per_day"],
        policy["visitor_cost_usd_per_day"],
        policy["visitor_address_energy_per_day"],
        policy["visitor_session_energy_per_day"],
        policy["visitor_address_cost_usd_per_day"],
        policy["visitor_premium_energy_per_day"],
    ] == [20, 60, 500, 2, 140, 140, 1, 70]


def test_sixty_first_call_of_a_free_user_waits(money: Money) -> None:
    """Sixty calls in a minute are admitted; the next one gets the time to wait, and leaves no row."""
    user = money.account(tier="free", energy=1000)
    for _ in range(60):
        money.release(money.held(user, "standard"))
    request = str(uuid4())
    answer = money.reserve(user, "standard", request_id=request)
    assert answer["outcome"] == "rate_limited"
    assert 1 <= answer["retry_after_seconds"] <= 60
    assert money.rows("select from public.ai_usage_logs where request_id = %s", request) == []


def test_wait_ends_when_the_oldest_call_leaves_the_window(money: Money) -> None:
    """With two calls a minute, made 50 and 20 seconds ago, the next is admitted in 10 seconds; in 11 it is."""
    with tier(money, "team", 2):
        user = money.account(tier="team")
        first, second = money.held(user), money.held(user)
        age(money, first, 50)
        age(money, second, 20)
        assert money.reserve(user)["retry_after_seconds"] == 10
        age(money, first, 10)
        assert money.reserve(user)["outcome"] == "reserved"


def test_limit_of_zero_closes_a_tier(money: Money) -> None:
    """A limit of zero admits no call."""
    with tier(money, "team", 0):
        answer = money.reserve(money.account(tier="team"))
        assert answer == {"outcome": "rate_limited", "retry_after_seconds": 60}


def test_limit_comes_after_energy(money: Money) -> None:
    """A user without energy gets that error, as waiting would not help."""
    with tier(money, "team", 0):
        assert money.reserve(money.account(tier="team", energy=0))["outcome"] == "insufficient_energy"


def test_flood_of_refusals_does_not_grow_the_log(money: Money) -> None:
    """Refused calls are recorded only as often as the user may call in a minute, and all are answered."""
    with tier(money, "team", 3):
        user = money.account(tier="team", energy=0)
        outcomes = {money.reserve(user)["outcome"] for _ in range(10)}
        assert outcomes == {"insufficient_energy"}
        assert money.value("select count(*) from public.ai_usage_logs where user_id = %s", user) == 3


def test_visitors_do_not_use_up_the_owners_minute(money: Money) -> None:
    """Calls of a page's visitors do not count as the owner's."""
    with tier(money, "team", 2):
        user = money.account(tier="team")
        for _ in range(3):
            money.held(user, **visitor(str(uuid4())))
        assert money.reserve(user)["outcome"] == "reserved"


def test_session_has_twenty_calls_a_minute(money: Money) -> None:
    """The twenty-first message of one session waits; another session does not."""
    user, session = money.account(), str(uuid4())
    for _ in range(20):
        money.release(money.held(user, **visitor(session)))
    assert money.reserve(user, **visitor(session))["outcome"] == "rate_limited"
    assert money.reserve(user, **visitor(str(uuid4())))["outcome"] == "reserved"


def test_fault_16_address_has_sixty_calls_a_minute_over_all_its_sessions(money: Money) -> None:
    """More sessions do not give an address more calls; other addresses are still served (fault 16)."""
    user = money.account()
    for _ in range(60):
        money.release(money.held(user, **visitor(str(uuid4()), "one")))
    assert money.reserve(user, **visitor(str(uuid4()), "one"))["outcome"] == "rate_limited"
    assert money.reserve(user, **visitor(str(uuid4()), "two"))["outcome"] == "reserved"


def test_address_is_counted_within_a_workspace(money: Money) -> None:
    """The same address is limited separately for each page."""
    with money.policy(visitor_address_calls_per_minute=1):
        first, second = money.account(), money.account()
        money.held(first, **visitor(str(uuid4()), "one"))
        assert money.reserve(second, **visitor(str(uuid4()), "one"))["outcome"] == "reserved"


def test_fault_16_rotating_attacker_costs_at_most_the_daily_energy(money: Money) -> None:
    """New sessions and addresses each time end at the workspace's daily limit; the owner still has calls (fault 16)."""
    with money.policy(visitor_energy_per_day=50):
        user = money.account(energy=1000)
        for _ in range(5):
            money.settle(money.held(user, **visitor(str(uuid4()), str(uuid4()))))
        answer = money.reserve(user, **visitor(str(uuid4()), str(uuid4())))
        assert answer["outcome"] == "visitor_cap_reached"
        assert money.balance(user) == 950
        assert money.reserve(user)["outcome"] == "reserved"


def test_open_calls_of_visitors_count_with_their_hold(money: Money) -> None:
    """Parallel calls cannot exceed the cap together: holds count as spent."""
    with money.policy(visitor_energy_per_day=25):
        user = money.account()
        held = [money.held(user, **visitor(str(uuid4()))) for _ in range(2)]
        assert money.reserve(user, **visitor(str(uuid4())))["outcome"] == "visitor_cap_reached"
        money.release(held[0])
        assert money.reserve(user, **visitor(str(uuid4())))["outcome"] == "reserved"


def test_owners_calls_do_not_use_up_the_visitors_day(money: Money) -> None:
    """The owner's own calls do not count as visitors'."""
    with money.policy(visitor_energy_per_day=10):
        user = money.account()
        money.settle(money.held(user))
        assert money.reserve(user, **visitor(str(uuid4())))["outcome"] == "reserved"


def test_visitors_are_downgraded_before_they_are_refused(money: Money) -> None:
    """A visitor of a workspace with little energy gets the cheaper class."""
    answer = money.reserve(money.account(energy=5), "premium", "standard", **visitor(str(uuid4())))
    assert (answer["outcome"], answer["energy_held"]) == ("reserved", 3)


def test_daily_usd_of_visitors_counts_what_is_spent_and_held(money: Money) -> None:
    """1.50 USD spent and 0.40 held leave 0.10, and no more."""
    with money.policy(visitor_address_cost_usd_per_day=9):
        user = money.account()
        spent = money.held(user, **visitor(str(uuid4())), cost_bound_usd="1.9")
        money.settle(spent, attempt(cost_usd="1.5"))
        money.held(user, **visitor(str(uuid4())), cost_bound_usd="0.4")
        assert money.reserve(user, **visitor(str(uuid4())), cost_bound_usd="0.1000001")["outcome"] == (
            "visitor_cap_reached"
        )
        assert money.reserve(user, **visitor(str(uuid4())), cost_bound_usd="0.1")["outcome"] == "reserved"


def test_abandoned_call_of_a_visitor_counts_with_its_bound(money: Money) -> None:
    """A call that never ended may be billed: its upper bound counts, before and after the sweep."""
    with money.policy(visitor_address_cost_usd_per_day=9):
        user = money.account()
        money.expire(money.held(user, **visitor(str(uuid4())), cost_bound_usd="1.95"))
        assert (
            money.reserve(user, **visitor(str(uuid4())), cost_bound_usd="0.06")["outcome"]
            == "visitor_cap_reached"
        )
        money.sweep()
        assert money.reserve(user, **visitor(str(uuid4())), cost_bound_usd="1.99")["outcome"] == "reserved"


def test_visitors_day_starts_at_midnight_in_manila(money: Money) -> None:
    """Calls before the start of the day do not count today."""
    with money.policy(visitor_energy_per_day=10):
        user = money.account()
        request = money.held(user, **visitor(str(uuid4())))
        money.settle(request)
        assert money.reserve(user, **visitor(str(uuid4())))["outcome"] == "visitor_cap_reached"
        money.admin.execute(
            """update public.ai_requests
               set created_at = nexscout.day_start(clock_timestamp()) - interval '1 second' where id = %s""",
            [request],
        )
        assert money.reserve(user, **visitor(str(uuid4())))["outcome"] == "reserved"


# Order of refusals: each line also breaks all rules to its right, and gets the leftmost.
ORDER = [
    ("idempotency_conflict", {"body_hash": "other"}),
    ("upgrade_required", {"idempotency_key": None, "paid_tiers_only": True}),
    ("insufficient_energy", {"idempotency_key": None}),
]


@pytest.mark.parametrize(("outcome", "changes"), ORDER)
def test_refusals_come_in_order(outcome: str, changes: dict[str, Any], money: Money) -> None:
    """A call that breaks several rules gets the first one: idempotency, tier, energy."""
    with tier(money, "free", 1):
        user = money.account(tier="free", energy=3)
        money.held(user, "standard", idempotency_key="k", body_hash="h")
        answer = money.reserve(user, "standard", **({"idempotency_key": "k", "body_hash": "h"} | changes))
        assert answer["outcome"] == outcome


def test_caps_come_before_limits(money: Money) -> None:
    """With enough energy, the cap is reported before a limit."""
    with tier(money, "team", 0):
        user = money.account(tier="team")
        money.admin.execute("insert into public.ai_spend_caps values ('user', %s, 0)", [user])
        assert money.reserve(user)["outcome"] == "spend_cap_reached"


def test_cost_of_nothing_is_within_a_cap_of_nothing(money: Money) -> None:
    """A model that costs nothing is within any cap."""
    user = money.account()
    money.admin.execute("insert into public.ai_spend_caps values ('user', %s, 0)", [user])
    assert money.reserve(user, cost_bound_usd=str(Decimal(0)))["outcome"] == "reserved"
