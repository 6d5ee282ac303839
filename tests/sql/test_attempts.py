"""Attempts: noted before they are sent, completed by the end of the call."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.sql.money import Money, attempt

# What has happened to a hold, and the answer to its second attempt.
NOTES = {
    "open": "noted",
    "settled": "already_settled",
    "released": "already_released",
    "ended by the clock alone": "expired",
    "ended and swept": "expired",
}


@pytest.mark.parametrize("state", NOTES)
def test_attempt_is_noted_only_for_a_living_hold(state: str, money: Money) -> None:
    """Nothing more may be sent with a hold that has ended, in any way."""
    request = money.held(money.account())
    if state == "settled":
        money.settle(request)
    if state == "released":
        money.release(request)
    if state.startswith("ended"):
        money.expire(request)
    if state == "ended and swept":
        money.sweep()
    assert money.note(request)["outcome"] == NOTES[state]
    assert (len(money.attempts(request)) == 2) == (state == "open")


def test_attempt_of_unknown_request_is_an_outcome(money: Money) -> None:
    """The outcome for an unknown request is not an error."""
    assert money.note(uuid4())["outcome"] == "unknown_request"


def test_repeated_note_is_one_attempt(money: Money) -> None:
    """When the first answer was lost, a repeat adds nothing."""
    request = money.held(money.account())
    assert [money.note(request)["outcome"] for _ in range(3)] == ["noted"] * 3
    assert money.note(request, cost_bound_usd="9")["outcome"] == "noted"
    noted = [(row["ordinal"], str(row["cost_bound_usd"])) for row in money.attempts(request)]
    assert noted == [(1, "0.010000000000"), (2, "0.010000000000")]


def test_attempts_are_filled_in(money: Money) -> None:
    """The results are in the rows that were noted before."""
    request = money.held(money.account())
    money.note(request)
    money.settle(
        request,
        attempt(
            1, "failed", http_status=503, error_code="unavailable", cost_usd="0", cost_method="not_billed"
        ),
        attempt(2, http_status=200, provider_request_id="req_7", latency_ms=812),
    )
    first, second = money.attempts(request)
    assert (first["state"], first["http_status"], first["error_code"]) == ("failed", 503, "unavailable")
    assert (second["state"], second["provider_request_id"], second["latency_ms"]) == (
        "succeeded",
        "req_7",
        812,
    )
    assert second["finished_at"] >= second["created_at"]


def test_attempt_that_was_never_sent_goes(money: Money) -> None:
    """The end of the call has the sent attempts: one that was noted and not sent leaves no row."""
    user = money.account()
    request = money.held(user)
    money.note(request)
    money.release(request)
    assert money.attempts(request) == []
    assert money.usage(request)["cost_usd"] == 0
    assert money.broken(user) == []


def test_attempt_that_was_never_sent_goes_also_after_the_sweep(money: Money) -> None:
    """A late call knows which attempts were sent; the sweep had to assume all."""
    user = money.account()
    request = money.held(user)
    money.note(request)
    money.expire(request)
    money.sweep()
    assert [row["state"] for row in money.attempts(request)] == ["unknown", "unknown"]
    money.release(request, attempt(1, "failed", cost_usd="0.002"))
    assert [row["state"] for row in money.attempts(request)] == ["failed"]
    assert money.usage(request)["cost_usd"] == Decimal("0.002")
    assert money.broken(user) == []


def test_attempt_that_was_not_noted_is_recorded(money: Money) -> None:
    """An attempt whose note was lost is recorded anyway."""
    request = money.held(money.account())
    money.settle(request, attempt(1, "failed"), attempt(2))
    assert len(money.attempts(request)) == 2


# What is known of an attempt at the end -> state, USD, estimated. Its bound is 0.01 USD.
ENDS: list[tuple[dict[str, Any], tuple[str, str, bool]]] = [
    ({"state": "succeeded", "cost_usd": "0.0035"}, ("succeeded", "0.0035", False)),
    ({"state": "succeeded", "cost_usd": "0"}, ("succeeded", "0", False)),
    ({"state": "failed", "cost_usd": "0.01", "cost_estimated": True}, ("failed", "0.01", True)),
    ({"state": "failed", "cost_usd": None}, ("failed", "0.01", True)),
    ({"state": "succeeded", "cost_usd": None}, ("succeeded", "0.01", True)),
    ({"state": "intended", "cost_usd": "0"}, ("unknown", "0.01", True)),
    ({"state": "intended", "cost_usd": None}, ("unknown", "0.01", True)),
]


@pytest.mark.parametrize(("known", "recorded"), ENDS)
def test_attempt_costs_what_is_known_else_its_bound(
    known: dict[str, Any], recorded: tuple[str, str, bool], money: Money
) -> None:
    """An explicit zero is a known value; unknown usage is recorded at the upper bound, and marked."""
    user = money.account()
    request = money.held(user)
    money.release(request, attempt(**known))
    (row,) = money.attempts(request)
    state, cost_usd, estimated = recorded
    assert (row["state"], row["cost_usd"], row["cost_estimated"]) == (state, Decimal(cost_usd), estimated)
    assert (money.usage(request)["cost_usd"], money.usage(request)["cost_estimated"]) == (
        Decimal(cost_usd),
        estimated,
    )
    assert money.broken(user) == []


def test_cost_keeps_twelve_decimals(money: Money) -> None:
    """The smallest price of a token today is stored exactly."""
    request = money.held(money.account())
    answer = money.settle(request, attempt(cost_usd="0.123456789012"))
    assert answer["cost_usd"] == "0.123456789012"
    assert money.usage(request)["cost_usd"] == Decimal("0.123456789012")
