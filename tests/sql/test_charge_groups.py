"""Calls of one transactionId are charged once, as the app's five variations need it."""

from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.lock_wait import waiting
from tests.sql.money import Money, attempt, written

# Each line is a sequence of calls with one key, on 100 energy. Each word is one step:
# P3 S2 Q1 reserve call 3 as premium, call 2 as standard, call 1 as premium or else standard
# +3       settle call 3 as the class it was held in; +3s settles it as standard
# -3       release call 3      x3  its hold ends
# Then the energy that is charged in the end, and the energy that was held just before the last step.
COURSES = """
steps                                      charged  bound
P1 +1                                      10       10
P1 P2 P3 +1 +2 +3                          10       0
P1 +1 P2 +2 P3 +3                          10       0
P1 P2 -1 +2                                10       10
P1 P2 -1 -2                                0        10
P1 -1 P2 +2                                10       10
P1 P2 x1 +2                                10       10
P1 P2 +1 x2                                10       0
S1 P2 +1 +2                                10       7
S1 P2 +2 +1                                10       0
S1 P2 +1 -2                                3        7
P1 P2 +1s +2                               10       7
P1 P2 +1s +2s                              3        7
P1 +1s Q2 +2                               3        0
S1 +1 Q2 +2                                3        0
S1 +1 P2 +2                                13       10
P1 +1 S2 +2                                10       0
S1 P2 P3 +1 +2 +3                          10       0
"""
COURSE_LINES = [
    (line[:43].split(), int(line[43:52]), int(line[52:])) for line in COURSES.strip().splitlines()[1:]
]
WISHES = {"P": ("premium",), "S": ("standard",), "Q": ("premium", "standard")}


@pytest.mark.parametrize(("steps", "charged", "bound"), COURSE_LINES, ids=str)
def test_group_is_charged_for_its_most_expensive_delivered_call(
    steps: list[str], charged: int, bound: int, money: Money
) -> None:
    """In any order of starts and ends, what was delivered is charged, once."""
    user = money.account(energy=100)
    calls: dict[str, UUID] = {}
    bound_before = 0
    for step in steps:
        bound_before = money.bound(user)
        take(money, step, user, calls)
        assert money.broken(user) == []
    assert (100 - money.balance(user), bound_before) == (charged, bound)
    assert money.bound(user) == 0


def take(money: Money, step: str, user: UUID, calls: dict[str, UUID]) -> None:
    """Do one step of a sequence."""
    kind, call = step[0], step[1]
    if kind in WISHES:
        calls[call] = money.held(user, *WISHES[kind], group_key="t")
    elif kind == "-":
        money.release(calls[call], attempt(state="failed"))
    elif kind == "x":
        money.expire(calls[call])
        money.sweep()
    else:
        served = {"model_class": "standard"} if step.endswith("s") else {}
        money.settle(calls[call], **served)


def test_five_variations_cost_one(money: Money) -> None:
    """The app's feature: five messages at once with one transactionId cost 10."""
    user = money.account(energy=10)
    calls = [money.held(user, group_key="t") for _ in range(5)]
    assert money.bound(user) == 10
    assert [money.settle(call)["energy_charged"] for call in calls] == [10, 0, 0, 0, 0]
    assert money.balance(user) == 0


def test_eleventh_call_starts_a_new_group(money: Money) -> None:
    """Ten calls of ai_message are one charge; the eleventh is the first of the next group."""
    user = money.account(energy=100)
    for _ in range(11):
        money.settle(money.held(user, group_key="t"))
    assert money.balance(user) == 80


def test_eleventh_parallel_call_starts_a_new_group(money: Money) -> None:
    """Ten open calls fill a group: the eleventh needs its own energy."""
    user = money.account(energy=19)
    for _ in range(10):
        money.held(user, group_key="t")
    assert money.reserve(user, group_key="t")["outcome"] == "insufficient_energy"


def test_failed_calls_do_not_fill_a_group(money: Money) -> None:
    """Only open or delivered calls count toward the ten."""
    user = money.account(energy=10)
    for _ in range(12):
        money.release(money.held(user, group_key="t"))
    money.settle(money.held(user, group_key="t"))
    assert money.reserve(user, group_key="t")["outcome"] == "reserved"


@pytest.mark.parametrize(("seconds", "charged"), [(599, 10), (601, 20)])
def test_group_lasts_ten_minutes(seconds: int, charged: int, money: Money) -> None:
    """A call after the ten minutes starts a new charged group."""
    user = money.account(energy=100)
    money.settle(money.held(user, group_key="t"))
    money.admin.execute(
        "update public.ai_charge_groups set opened_at = opened_at - make_interval(secs => %s) where user_id = %s",
        [seconds, user],
    )
    money.settle(money.held(user, group_key="t"))
    assert 100 - money.balance(user) == charged


def test_groups_are_apart_by_user_action_and_key(money: Money) -> None:
    """Another user's, another action's or another key's calls are charged separately."""
    user, other = money.account(energy=200), money.account(energy=200)
    money.settle(money.held(user, group_key="t"))
    money.settle(money.held(user, group_key="T"))
    money.settle(money.held(user, action="ai_follow_up_sequence", group_key="t"))
    money.settle(money.held(other, group_key="t"))
    assert (money.balance(user), money.balance(other)) == (130, 190)


def test_action_charged_per_call_has_no_groups(money: Money) -> None:
    """A transactionId on an action with calls_per_charge 1 changes nothing."""
    user = money.account(energy=100)
    for _ in range(2):
        money.settle(money.held(user, action="ai_objection_handler", group_key="t"))
    assert money.balance(user) == 80


def test_paid_group_is_served_without_energy(money: Money) -> None:
    """Further calls of a paid group are admitted on an empty account."""
    user = money.account(energy=10)
    money.settle(money.held(user, group_key="t"))
    answer = money.reserve(user, group_key="t")
    assert (answer["outcome"], answer["energy_held"], answer["energy_available"]) == ("reserved", 0, 0)


def test_class_of_the_group_is_reported(money: Money) -> None:
    """A group that was charged as standard serves standard, and reports the reason."""
    user = money.account(energy=100)
    money.settle(money.held(user, "standard", group_key="t"))
    answer = money.reserve(user, "premium", "standard", group_key="t")
    assert (answer["model_class"], answer["downgrade_reason"]) == ("standard", "charge_group")


def test_more_expensive_call_of_an_open_group_needs_its_energy(money: Money) -> None:
    """A group holds the energy of its most expensive open call: a premium call needs more than a standard hold."""
    user = money.account(energy=9)
    money.held(user, "standard", group_key="t")
    assert money.reserve(user, "premium", group_key="t")["outcome"] == "insufficient_energy"


def test_price_change_within_a_group_adds_the_difference(money: Money) -> None:
    """A call of a group that was admitted earlier at a higher price pays the difference."""
    with money.priced(energy=10, calls_per_charge=10) as action:
        user = money.account(energy=100)
        first = money.held(user, action=action, group_key="t")
        money.admin.execute("update public.ai_action_prices set energy = 25 where action = %s", [action])
        second = money.held(user, action=action, group_key="t")
        assert [money.settle(first)["energy_charged"], money.settle(second)["energy_charged"]] == [10, 15]


def test_first_calls_of_a_group_in_parallel_make_one_group(money: Money, money_url: str) -> None:
    """Two first calls that wait for the same lock share one group, one hold and one charge."""
    user = money.account(energy=10)
    calls = [uuid4(), uuid4()]
    bodies = [written(user, group_key="t", request_id=str(call)) for call in calls]
    with psycopg.connect(money_url) as first, waiting(money_url) as waiter:
        first.execute("select public.ai_reserve(%s)", [bodies[0]])
        second = waiter.start("select public.ai_reserve(%s)", bodies[1])
        waiter.wait_until_blocked(money.admin)
        first.commit()
        assert second.result()["outcome"] == "reserved"
    assert [money.settle(call)["energy_charged"] for call in calls] == [10, 0]
