"""What is admitted, what is held for it, and what refused calls get."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.sql.lock_wait import locked, waiting
from tests.sql.money import Money, candidate, reservation, written

# The energy of every action, from the app's guide to the orchestrator.
PRICES = """
action                 premium  standard
ai_message             10       3
ai_objection_handler   10       3
ai_chatbot_response    10       3
ai_scan                15       5
ai_deep_scan           25       8
ai_company_analysis    30       10
ai_follow_up_sequence  50       15
ai_pitch_deck          100      30
"""
PRICE_LINES = [line.split() for line in PRICES.strip().splitlines()[1:]]

# Each line is a request for ai_message. P: a premium candidate, S: a standard one. What is held, or why not.
REQUESTS = """
tier        energy  candidates  units  held                   reason
pro         10      P           1      10                     -
pro         10      PS          1      10                     -
pro         9       PS          1      3                      energy
pro         3       PS          1      3                      energy
pro         2       PS          1      insufficient_energy    required=3,available=2
pro         9       P           1      insufficient_energy    required=10,available=9
pro         0       P           1      insufficient_energy    required=10,available=0
pro         100     S           1      3                      -
pro         100     SP          1      3                      -
pro         30      P           3      30                     -
pro         29      PS          3      9                      energy
free        100     PS          1      3                      tier
free        100     S           1      3                      -
free        100     P           1      upgrade_required       -
free        2       PS          1      insufficient_energy    required=3,available=2
starter     100     PS          1      3                      tier
elite       100     PS          1      10                     -
team        100     PS          1      10                     -
enterprise  100     PS          1      10                     -
"""
REQUEST_LINES = [line.split() for line in REQUESTS.strip().splitlines()[1:]]
CLASSES = {"P": "premium", "S": "standard"}

WRONG: dict[str, dict[str, Any]] = {
    "no user": {"user_id": None},
    "no request id": {"request_id": None},
    "no action": {"action": None},
    "no function": {"function_name": None},
    "no candidates": {"candidates": []},
    "no units": {"units": 0},
    "units below zero": {"units": -1},
    "too many units": {"units": 2_000_000_000},
    "no bound": {"cost_bound_usd": None},
    "a bound below zero": {"cost_bound_usd": "-0.01"},
    "a bound that is no number": {"cost_bound_usd": "NaN"},
    "no life": {"hold_seconds": None},
    "a life of nothing": {"hold_seconds": 0},
    "a life of years": {"hold_seconds": 100_000_000},
}


@pytest.mark.parametrize("line", PRICE_LINES, ids=lambda line: str(line[0]))
def test_each_action_holds_its_price(line: list[str], money: Money) -> None:
    """Every action holds the energy of the price list in both classes."""
    user = money.account(energy=200)
    premium = money.reserve(user, "premium", action=line[0])
    standard = money.reserve(user, "standard", action=line[0])
    assert [premium["energy_held"], standard["energy_held"]] == [int(line[1]), int(line[2])]
    assert premium["class_energy"] == {"premium": int(line[1]), "standard": int(line[2])}
    assert money.bound(user) == int(line[1]) + int(line[2])


@pytest.mark.parametrize("line", REQUEST_LINES, ids="-".join)
def test_first_affordable_candidate_is_held(line: list[str], money: Money) -> None:
    """The first candidate that the tier allows and the energy affords is used, else the reason is returned."""
    tier, energy, letters, units, expected, reason = line
    user = money.account(tier=tier, energy=int(energy))
    answer = money.reserve(user, *(CLASSES[letter] for letter in letters), units=int(units))
    if answer["outcome"] == "reserved":
        assert [str(answer["energy_held"]), answer["downgrade_reason"] or "-"] == [expected, reason]
        assert answer["energy_available"] == int(energy) - int(expected)
    else:
        assert answer["outcome"] == expected
    if "required_energy" in answer:
        figures = f"required={answer['required_energy']},available={answer['energy_available']}"
        assert figures == reason
    assert money.balance(user) == int(energy), "a hold takes nothing"
    assert money.broken(user) == []


def test_holds_count_against_the_next_call(money: Money) -> None:
    """Energy that an open call may still cost is not available for another."""
    user = money.account(energy=25)
    first, second, third = (money.reserve(user) for _ in range(3))
    assert [first["energy_available"], second["energy_available"]] == [15, 5]
    assert (third["outcome"], third["energy_available"]) == ("insufficient_energy", 5)


def test_first_attempt_is_noted_with_the_hold(money: Money) -> None:
    """Attempt 1 has the state intended before anything can be sent."""
    request = money.held(money.account(), "premium")
    (noted,) = money.attempts(request)
    assert (noted["ordinal"], noted["state"], noted["model"]) == (1, "intended", "gpt-4o")
    assert str(noted["cost_bound_usd"]) == "0.010000000000"


def test_answer_has_tier_and_configuration_version(money: Money) -> None:
    """The answer has the effective tier, and the version that a cached configuration must have."""
    user = money.account(tier="elite")
    before = money.reserve(user)
    money.admin.execute("update public.profiles set full_name = 'Ana Reyes' where id = %s", [user])
    after = money.reserve(user)
    assert before["tier"] == "pro"
    assert after["config_version"] == before["config_version"] + 1


def test_unknown_action_is_an_outcome(money: Money) -> None:
    """An action without any price is not admitted."""
    assert money.reserve(money.account(), action="ai_horoscope")["outcome"] == "unknown_action"


def test_class_without_price_is_never_free(money: Money) -> None:
    """If only the premium class has a price, a standard candidate is not used."""
    with money.priced(energy=10) as action:
        user = money.account()
        assert money.reserve(user, "standard", "premium", action=action)["energy_held"] == 10
        assert money.reserve(user, "standard", action=action)["outcome"] == "unknown_action"


def test_unknown_user_is_an_outcome(money: Money) -> None:
    """An account that does not exist is an outcome, not an error."""
    assert money.reserve(uuid4())["outcome"] == "unknown_account"


def test_paid_feature_is_refused_before_energy(money: Money) -> None:
    """The tier is checked before the energy: a free user without energy is asked to upgrade."""
    user = money.account(tier="free", energy=0)
    answer = money.reserve(user, "standard", paid_tiers_only=True)
    assert (answer["outcome"], answer["tier"]) == ("upgrade_required", "free")


def test_paid_feature_is_open_to_paid_tiers(money: Money) -> None:
    """The same feature is admitted for a pro user."""
    assert money.reserve(money.account(), paid_tiers_only=True)["outcome"] == "reserved"


def test_user_without_profile_is_on_the_free_tier(money: Money) -> None:
    """Without a profile nothing premium is served."""
    user = money.account(tier=None, energy=50)
    answer = money.reserve(user, "premium", "standard")
    assert (answer["tier"], answer["downgrade_reason"]) == ("free", "tier")


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_impossible_request_raises(wrong: dict[str, Any], money: Money) -> None:
    """A request that our code never sends is an error, and holds nothing."""
    user = money.account()
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        money.reserve(user, **wrong)
    assert money.bound(user) == 0


def test_refusal_leaves_a_usage_row(money: Money) -> None:
    """A refused call is in the log, with its code and without a cost."""
    user = money.account(energy=0)
    request = reservation(user)
    money.reserve(user, **request)
    row = money.usage(request["request_id"])
    assert (row["success"], row["error_code"], row["cost_usd"], row["energy_consumed"]) == (
        False,
        "insufficient_energy",
        0,
        0,
    )


def test_repeated_reservation_gives_the_same_hold(money: Money) -> None:
    """When the first answer was lost, a repeat with the same id holds nothing more."""
    user = money.account(energy=10)
    request = reservation(user)
    answers = [money.reserve(user, **request) for _ in range(3)]
    assert [answer["outcome"] for answer in answers] == ["reserved"] * 3
    assert [answer["energy_available"] for answer in answers] == [0, 0, 0]
    assert money.bound(user) == 10


def test_repeated_reservation_of_an_ended_call_gets_its_end(money: Money) -> None:
    """A request id is used once: settled, released and expired ones are reported as such."""
    user = money.account()
    settled, released, expired = (money.held(user) for _ in range(3))
    money.settle(settled)
    money.release(released)
    money.expire(expired)
    outcomes = [money.reserve(user, request_id=str(name))["outcome"] for name in (settled, released, expired)]
    assert outcomes == ["already_settled", "already_released", "expired"]


def test_request_id_of_another_user_is_unknown(money: Money) -> None:
    """Another user's request is not found by its id."""
    request = money.held(money.account())
    assert money.reserve(money.account(), request_id=str(request))["outcome"] == "unknown_request"


def test_call_admitted_after_a_refusal_is_logged_as_what_it_became(money: Money) -> None:
    """A repeat that finds energy is served: its one usage row says so, with its charge."""
    user = money.account(energy=0)
    request = reservation(user)
    assert money.reserve(user, **request)["outcome"] == "insufficient_energy"
    money.add_energy(user, 10)
    assert money.reserve(user, **request)["outcome"] == "reserved"
    money.settle(request["request_id"])
    row = money.usage(request["request_id"])
    assert (row["success"], row["error_code"], row["energy_consumed"]) == (True, None, 10)
    assert money.broken(user) == []


def test_hold_lives_as_long_as_was_asked(money: Money) -> None:
    """The database calculates the expiry of a hold from seconds, by its own clock."""
    row = money.request(money.held(money.account(), hold_seconds=40))
    assert (row["expires_at"] - row["created_at"]).total_seconds() == 40


def test_fault_9_ended_hold_binds_nothing_without_any_sweep(money: Money) -> None:
    """A call that never ended does not block the next one with a false "insufficient energy" (fault 9)."""
    user = money.account(energy=10)
    money.expire(money.held(user))
    assert money.reserve(user)["outcome"] == "reserved"


def test_wait_for_the_lock_does_not_keep_an_ended_hold_alive(money: Money, money_url: str) -> None:
    """The time is read after the lock: a hold that expired during the wait no longer counts."""
    user = money.account(energy=10)
    first = money.held(user)
    with locked(money_url, user) as holder, waiting(money_url) as waiter:
        answer = waiter.start("select public.ai_reserve(%s)", written(user))
        waiter.wait_until_blocked(money.admin)
        holder.execute("update public.ai_requests set expires_at = clock_timestamp() where id = %s", [first])
        holder.commit()
        assert answer.result()["outcome"] == "reserved"


def test_higher_bound_of_a_candidate_does_not_change_energy(money: Money) -> None:
    """USD and energy are separate: an expensive model of a class holds the energy of the class."""
    answer = money.reserve(money.account(), candidates=[candidate("standard", "9.5")], cost_bound_usd="30")
    assert answer["energy_held"] == 3
