"""Coins, a second currency in the same hold; free until the owner of the system edits a price row."""

from uuid import UUID

import pytest

from tests.sql.money import Money

# Coins of the account, price in coins, energy of the account -> outcome of a call of 10 energy, coins at the end.
CALLS = """
coins  price  energy  outcome              left
5      5      100     reserved             0
9      5      100     reserved             4
4      5      100     insufficient_coins   4
0      5      100     insufficient_coins   0
0      0      100     reserved             0
4      5      9       insufficient_energy  4
"""
CALL_LINES = [line.split() for line in CALLS.strip().splitlines()[1:]]


def coins(money: Money, user: UUID) -> int:
    """Return the coins of a profile."""
    return int(money.value("select coin_balance from public.profiles where id = %s", user))


def test_no_action_costs_coins_as_seeded(money: Money) -> None:
    """The default prices charge only energy."""
    seeded = money.rows(r"select coins from public.ai_action_prices where action like 'ai\_%%'")
    assert [row["coins"] for row in seeded] == [0] * 16


@pytest.mark.parametrize("line", CALL_LINES, ids="-".join)
def test_coins_are_held_and_charged(line: list[str], money: Money) -> None:
    """Coins are required beside energy, and charged when the call is delivered."""
    had, price, energy, outcome, left = line
    with money.priced(coins=int(price)) as action:
        user = money.account(energy=int(energy), coins=int(had))
        answer = money.reserve(user, action=action)
        assert answer["outcome"] == outcome
        if outcome == "reserved":
            assert money.settle(answer["request_id"])["coins_charged"] == int(price)
        assert coins(money, user) == int(left)
        assert money.broken(user) == []


def test_shortage_reports_both_figures(money: Money) -> None:
    """The answer has the required and the available coins, less those that other calls hold."""
    with money.priced(coins=5) as action:
        user = money.account(coins=8)
        money.held(user, action=action)
        answer = money.reserve(user, action=action)
    assert (answer["required_coins"], answer["coins_available"]) == (5, 3)


def test_charge_is_a_transaction(money: Money) -> None:
    """The app's own table of coins records what was charged, for which action, and the remaining coins."""
    with money.priced(coins=5) as action:
        user = money.account(coins=8)
        request = money.held(user, action=action)
        money.settle(request)
    assert money.rows(
        """select type, trigger, coins, balance_after, metadata ->> 'request_id' as request
           from public.coin_transactions where user_id = %s""",
        user,
    ) == [{"type": "spend", "trigger": action, "coins": -5, "balance_after": 3, "request": str(request)}]


def test_release_gives_coins_back(money: Money) -> None:
    """A failed call costs no coins and writes no transaction."""
    with money.priced(coins=5) as action:
        user = money.account(coins=5)
        money.release(money.held(user, action=action))
        assert coins(money, user) == 5
        assert money.reserve(user, action=action)["outcome"] == "reserved"
    assert money.rows("select from public.coin_transactions where user_id = %s", user) == []


def test_coins_never_fall_below_zero(money: Money) -> None:
    """If the app has taken coins meanwhile, the rest is charged, and that is recorded."""
    with money.priced(coins=5) as action:
        user = money.account(coins=5)
        request = money.held(user, action=action)
        money.admin.execute("update public.profiles set coin_balance = 2 where id = %s", [user])
        assert money.settle(request)["coins_charged"] == 2
    assert coins(money, user) == 0
    assert money.value("select sum(coins) from public.coin_transactions where user_id = %s", user) == -2
    assert money.usage(request)["coins_consumed"] == 2


def test_group_pays_coins_once(money: Money) -> None:
    """Coins of a group are held once and charged once."""
    with money.priced(coins=5, calls_per_charge=10) as action:
        user = money.account(coins=5)
        calls = [money.held(user, action=action, group_key="t") for _ in range(3)]
        charged = [money.settle(call)["coins_charged"] for call in calls]
        assert (charged, coins(money, user)) == ([5, 0, 0], 0)


def test_user_without_profile_has_no_coins(money: Money) -> None:
    """An action that costs coins is not free for a user without a profile."""
    with money.priced(coins=1) as action:
        user = money.account(tier=None)
        money.admin.execute(
            "update public.ai_action_prices set model_class = 'standard' where action = %s", [action]
        )
        assert money.reserve(user, "standard", action=action)["outcome"] == "insufficient_coins"
