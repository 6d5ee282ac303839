"""A visitor's share of the day: no address and no session uses what the workspace's other visitors need."""

from decimal import Decimal
from uuid import uuid4

import pytest

from tests.sql.money import Money, attempt, candidate
from tests.sql.test_limits import visitor

BOTH = ("premium", "standard")
# A premium attempt at 0.16 USD, a standard one at 0.01, four attempts at most.
DEAR = {
    "candidates": [candidate("premium", "0.16"), candidate("standard", "0.01")],
    "cost_bound_usd": "0.64",
}


def test_fault_16_an_address_uses_its_share_and_leaves_the_rest(money: Money) -> None:
    """7 premium answers and 23 standard ones are 139 of 140 energy; another address is still answered (fault 16)."""
    user = money.account()
    for _ in range(30):
        money.settle(money.held(user, *BOTH, **visitor(str(uuid4()), "one")))
    assert money.balance(user) == 500 - 139
    assert money.reserve(user, *BOTH, **visitor(str(uuid4()), "one"))["outcome"] == "visitor_cap_reached"
    assert money.reserve(user, *BOTH, **visitor(str(uuid4()), "two"))["outcome"] == "reserved"


def test_a_session_uses_its_share_and_leaves_the_rest(money: Money) -> None:
    """One session with new addresses each time ends like one address."""
    user, session = money.account(), str(uuid4())
    with money.policy(visitor_session_calls_per_minute=100):
        for _ in range(30):
            money.settle(money.held(user, *BOTH, **visitor(session, str(uuid4()))))
        answer = money.reserve(user, *BOTH, **visitor(session, str(uuid4())))
    assert answer["outcome"] == "visitor_cap_reached"
    assert money.reserve(user, *BOTH, **visitor(str(uuid4()), str(uuid4())))["outcome"] == "reserved"


def test_an_address_has_its_share_of_usd(money: Money) -> None:
    """Calls that cost only the provider's bill end too: 0.9 USD spent leave 0.1 of the address's one."""
    user = money.account()
    spent = money.held(user, **visitor(str(uuid4()), "one"), cost_bound_usd="0.9")
    money.release(spent, attempt(state="failed", cost_usd="0.9"))
    refused = money.reserve(user, **visitor(str(uuid4()), "one"), cost_bound_usd="0.1001")
    assert refused["outcome"] == "visitor_cap_reached"
    assert money.reserve(user, **visitor(str(uuid4()), "one"), cost_bound_usd="0.1")["outcome"] == "reserved"
    assert money.reserve(user, **visitor(str(uuid4()), "two"), cost_bound_usd="0.9")["outcome"] == "reserved"


@pytest.mark.parametrize(("used", "model_class"), [(60, "premium"), (61, "standard")])
def test_premium_answers_end_before_the_day_does(used: int, model_class: str, money: Money) -> None:
    """With 70 energy a day for premium answers, 60 used leave room for one of 10, and 61 do not."""
    with money.priced(energy=used) as action:
        user = money.account()
        money.settle(money.held(user, **visitor(str(uuid4())) | {"action": action}))
        answer = money.reserve(user, *BOTH, **visitor(str(uuid4()), "two"))
    assert answer["model_class"] == model_class
    assert answer["downgrade_reason"] == (None if model_class == "premium" else "visitor_day")


def test_a_standard_answer_holds_what_standard_models_cost(money: Money) -> None:
    """Four attempts at 0.01 USD: simultaneous calls do not fill the day with costs that they cannot have."""
    with money.policy(visitor_premium_energy_per_day=0):
        request = money.held(money.account(), **visitor(str(uuid4())) | DEAR)
    assert money.request(request)["cost_held_usd"] == Decimal("0.04")


def test_a_premium_answer_holds_what_premium_models_cost(money: Money) -> None:
    """Four attempts at 0.16 USD."""
    request = money.held(money.account(), **visitor(str(uuid4())) | DEAR)
    assert money.request(request)["cost_held_usd"] == Decimal("0.64")


def test_a_visitor_is_downgraded_before_the_days_usd_refuse_the_call(money: Money) -> None:
    """Three running premium calls hold 1.92 of 2 USD: the fourth visitor gets the standard class."""
    user = money.account()
    for _ in range(3):
        money.held(user, **visitor(str(uuid4()), str(uuid4())) | DEAR)
    answer = money.reserve(user, **visitor(str(uuid4()), str(uuid4())) | DEAR)
    assert (answer["outcome"], answer["model_class"]) == ("reserved", "standard")


def test_a_users_own_call_knows_no_visitors_day(money: Money) -> None:
    """The owner's calls are premium however much the visitors have used."""
    with money.policy(visitor_premium_energy_per_day=0, visitor_energy_per_day=0):
        answer = money.reserve(money.account(), *BOTH, action="ai_chatbot_response")
    assert (answer["outcome"], answer["model_class"]) == ("reserved", "premium")
