"""Energy of a new day: raised to the tier's amount at midnight in Manila, never lowered."""

from uuid import UUID

import pytest

from tests.sql.lock_wait import locked, waiting
from tests.sql.money import Money, written

# Last refill, now, energy before -> after, for a pro account (500 a day). Manila is UTC+8 all year: its midnight is
# 16:00 UTC of the day before.
DAYS = """
last_reset            now                   before  after
2026-11-21T16:00:00Z  2026-11-22T15:59:59Z  7       7
2026-11-21T16:00:00Z  2026-11-22T16:00:00Z  7       500
2026-11-22T15:59:59Z  2026-11-22T16:00:00Z  7       500
2026-11-21T10:00:00Z  2026-11-21T16:00:00Z  0       500
2026-11-22T00:00:00Z  2026-11-22T23:59:59Z  0       500
2026-11-22T00:00:00Z  2026-11-22T12:00:00Z  0       0
2026-11-01T00:00:00Z  2026-11-22T12:00:00Z  499     500
2026-11-01T00:00:00Z  2026-11-22T12:00:00Z  500     500
2026-11-01T00:00:00Z  2026-11-22T12:00:00Z  900     900
2026-12-31T15:59:59Z  2026-12-31T16:00:00Z  1       500
2028-02-28T17:00:00Z  2028-02-29T17:00:00Z  1       500
"""
DAY_LINES = [line.split() for line in DAYS.strip().splitlines()[1:]]

# profiles.subscription_tier -> the effective tier, and its energy per day.
TIERS = """
profile     tier        energy
free        free        100
starter     free        100
pro         pro         500
elite       pro         500
team        team        1000
enterprise  enterprise  5000
"""
TIER_LINES = [line.split() for line in TIERS.strip().splitlines()[1:]]


def yesterday(money: Money, user: UUID) -> None:
    """Let the last refill have been a day earlier."""
    money.admin.execute(
        "update public.user_energy set last_reset = last_reset - interval '1 day' where user_id = %s", [user]
    )


def account(money: Money, user: UUID) -> tuple[str, int, int]:
    """Return tier, energy per day and balance of an account."""
    (row,) = money.rows(
        "select tier, max_energy, current_energy from public.user_energy where user_id = %s", user
    )
    return row["tier"], row["max_energy"], row["current_energy"]


@pytest.mark.parametrize("line", DAY_LINES, ids=lambda line: f"{line[0]}-{line[1]}-{line[2]}")
def test_day_starts_at_midnight_in_manila(line: list[str], money: Money) -> None:
    """After midnight there, an account has at least its tier's energy."""
    last_reset, now, before, after = line
    user = money.account(tier="pro", energy=int(before))
    money.admin.execute(
        "update public.user_energy set last_reset = %s where user_id = %s", [last_reset, user]
    )
    money.admin.execute(
        """select nexscout.refill(e, t, %s) from public.user_energy e, public.ai_tiers t
           where e.user_id = %s and t.tier = 'pro'""",
        [now, user],
    )
    assert money.balance(user) == int(after)
    assert money.broken(user) == []


def test_zone_of_the_day_is_a_setting(money: Money) -> None:
    """In UTC the same moment belongs to another day."""
    instant = "2026-11-22T16:00:00Z"
    in_manila = money.value("select nexscout.day_of(%s)::text", instant)
    with money.policy(day_time_zone="UTC"):
        in_utc = money.value("select nexscout.day_of(%s)::text", instant)
    assert (in_manila, in_utc) == ("2026-11-23", "2026-11-22")


def test_reservation_refills(money: Money) -> None:
    """The first call of a day gets the day's energy, and the ledger has the reason."""
    user = money.account(energy=0)
    yesterday(money, user)
    assert money.reserve(user)["energy_available"] == 490
    assert money.ledger(user)[-1] == ("daily_refill", 500, 500)


def test_refill_comes_once_a_day(money: Money) -> None:
    """Charged energy is refilled only at the next midnight."""
    user = money.account(energy=0)
    yesterday(money, user)
    money.settle(money.held(user))
    assert money.reserve(user)["energy_available"] == 480
    assert [reason for reason, _, _ in money.ledger(user)].count("daily_refill") == 1


def test_refill_of_a_full_account_writes_no_row(money: Money) -> None:
    """The day is recorded, and the ledger gets no row without a change."""
    user = money.account(energy=900)
    yesterday(money, user)
    money.held(user)
    assert money.ledger(user) == [("external", 900, 900)]
    assert money.value(
        "select last_reset > now() - interval '1 minute' from public.user_energy where user_id = %s", user
    )


def test_refill_leaves_what_is_held_to_its_calls(money: Money) -> None:
    """Energy held over midnight is still charged when the call is delivered."""
    user = money.account(energy=500)
    request = money.held(user)
    yesterday(money, user)
    answer = money.settle(request)
    assert (answer["energy_charged"], money.balance(user)) == (10, 490)
    assert money.broken(user) == []


@pytest.mark.parametrize("line", TIER_LINES, ids=lambda line: str(line[0]))
def test_missing_account_is_made_with_a_days_energy(line: list[str], money: Money) -> None:
    """A user without a row gets one at the first call, with an opening row in the ledger."""
    profile, tier, energy = line
    user = money.account(tier=profile, energy=None)
    money.held(user, "standard")
    assert account(money, user) == (tier, int(energy), int(energy))
    assert money.ledger(user) == [("opening", int(energy), int(energy))]


@pytest.mark.parametrize("line", TIER_LINES, ids=lambda line: str(line[0]))
def test_account_follows_the_profile(line: list[str], money: Money) -> None:
    """Tier and energy per day come only from profiles.subscription_tier; the balance stays."""
    profile, tier, energy = line
    user = money.account(tier=profile, energy=42)
    money.admin.execute(
        "update public.user_energy set tier = 'enterprise', max_energy = 7 where user_id = %s", [user]
    )
    money.held(user, "standard")
    assert account(money, user) == (tier, int(energy), 42)


def test_downgraded_user_keeps_the_balance(money: Money) -> None:
    """A lower tier does not lower a balance, and does not raise it above its own amount."""
    user = money.account(tier="pro", energy=400)
    money.held(user)
    money.admin.execute("update public.profiles set subscription_tier = 'free' where id = %s", [user])
    yesterday(money, user)
    money.held(user, "standard")
    assert account(money, user) == ("free", 100, 400)


def test_upgraded_user_has_the_higher_figure_from_the_next_day(money: Money) -> None:
    """The tier changes at once, the energy at midnight."""
    user = money.account(tier="free", energy=20)
    money.held(user, "standard")
    money.admin.execute("update public.profiles set subscription_tier = 'pro' where id = %s", [user])
    assert money.reserve(user, "premium")["tier"] == "pro"
    assert money.balance(user) == 20
    yesterday(money, user)
    money.held(user)
    assert money.balance(user) == 500


def test_unknown_tier_counts_as_free(money: Money) -> None:
    """An unknown tier has the values of free."""
    user = money.account(tier=None, energy=50)
    money.held(user, "standard")
    assert account(money, user) == ("free", 100, 50)


def test_tier_changed_while_the_call_waited_counts(money: Money, money_url: str) -> None:
    """The tier is read after the lock: an upgrade during the wait refills to the new amount."""
    user = money.account(tier="free", energy=0)
    yesterday(money, user)
    with locked(money_url, user) as holder, waiting(money_url) as waiter:
        answer = waiter.start("select public.ai_reserve(%s)", written(user))
        waiter.wait_until_blocked(money.admin)
        holder.execute("update public.profiles set subscription_tier = 'pro' where id = %s", [user])
        holder.commit()
        assert answer.result()["energy_available"] == 490
