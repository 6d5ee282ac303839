"""Monthly caps in USD: spent plus held plus the bound of the next call, within one month in Manila."""

from uuid import UUID, uuid4

import pytest

from tests.sql.money import Money, attempt
from tests.sql.test_limits import visitor


def capped(money: Money, scope: str, usd: str) -> UUID:
    """Create an account with a monthly cap."""
    user = money.account()
    money.admin.execute("insert into public.ai_spend_caps values (%s, %s, %s)", [scope, user, usd])
    return user


# Cap 1 USD; what was spent and what is held -> the largest bound that is admitted, and the next one that is not.
BOUNDS = """
spent  held  admitted  refused
0      0     1         1.000000000001
0.4    0     0.6       0.600000000001
0.4    0.35  0.25      0.250000000001
0      1     0         0.000000000001
"""
BOUND_LINES = [line.split() for line in BOUNDS.strip().splitlines()[1:]]


@pytest.mark.parametrize("scope", ["user", "workspace"])
@pytest.mark.parametrize("line", BOUND_LINES, ids="-".join)
def test_cap_compares_spent_and_held(line: list[str], scope: str, money: Money) -> None:
    """A call is admitted when its upper bound fits beside what is spent and held."""
    spent, held, admitted, refused = line
    user = capped(money, scope, "1")
    if spent != "0":
        money.settle(money.held(user, cost_bound_usd="0.9"), attempt(cost_usd=spent))
    if held != "0":
        money.held(user, cost_bound_usd=held)
    answer = money.reserve(user, cost_bound_usd=refused)
    assert answer["outcome"] == "spend_cap_reached"
    assert money.reserve(user, cost_bound_usd=admitted)["outcome"] == "reserved"


def test_failed_calls_count_with_what_the_provider_bills(money: Money) -> None:
    """A released call has its energy back, but the provider's bill counts."""
    user = capped(money, "user", "1")
    money.release(money.held(user, cost_bound_usd="0.9"), attempt(state="failed", cost_usd="0.7"))
    assert money.reserve(user, cost_bound_usd="0.4")["outcome"] == "spend_cap_reached"


def test_abandoned_call_counts_in_full_until_it_is_swept(money: Money) -> None:
    """A call that never ended counts with all its attempts until the sweep knows which were noted."""
    user = capped(money, "user", "1")
    money.expire(money.held(user, cost_bound_usd="0.9"))
    assert money.reserve(user, cost_bound_usd="0.2")["outcome"] == "spend_cap_reached"
    money.sweep()
    assert money.reserve(user, cost_bound_usd="0.2")["outcome"] == "reserved"


def test_last_month_does_not_count(money: Money) -> None:
    """A month is a month in Manila: what was spent a second before it started is last month's."""
    user = capped(money, "user", "1")
    request = money.held(user, cost_bound_usd="1")
    money.settle(request, attempt(cost_usd="1"))
    assert money.reserve(user, cost_bound_usd="0.1")["outcome"] == "spend_cap_reached"
    money.admin.execute(
        """update public.ai_requests
           set created_at = nexscout.month_start(clock_timestamp()) - interval '1 second' where id = %s""",
        [request],
    )
    assert money.reserve(user, cost_bound_usd="0.1")["outcome"] == "reserved"


# The bounds of a month in Manila, eight hours ahead of UTC all year.
MONTHS = [
    ("2026-11-22T00:00:00Z", "2026-10-31 16:00:00"),
    ("2026-10-31T15:59:59Z", "2026-09-30 16:00:00"),
    ("2026-10-31T16:00:00Z", "2026-10-31 16:00:00"),
    ("2026-12-31T16:00:00Z", "2026-12-31 16:00:00"),
    ("2026-03-01T00:00:00Z", "2026-02-28 16:00:00"),
]


@pytest.mark.parametrize(("at", "start"), MONTHS)
def test_month_starts_at_midnight_in_manila(at: str, start: str, money: Money) -> None:
    """The first moment of the month, calculated by hand."""
    found = money.value("select (nexscout.month_start(%s) at time zone 'UTC')::text", at)
    assert found == start


def test_visitors_count_for_the_workspace_alone(money: Money) -> None:
    """A user's own cap counts the user's calls; a workspace's counts all."""
    user = capped(money, "user", "1")
    with money.policy(visitor_address_cost_usd_per_day=2):
        money.held(user, **visitor(str(uuid4())), cost_bound_usd="1.5")
    assert money.reserve(user, cost_bound_usd="1")["outcome"] == "reserved"
    workspace = capped(money, "workspace", "1")
    money.held(workspace, **visitor(str(uuid4())), cost_bound_usd="0.8")
    assert money.reserve(workspace, cost_bound_usd="0.3")["outcome"] == "spend_cap_reached"


def test_visitor_is_bound_by_the_workspace_cap_not_by_the_owners_own(money: Money) -> None:
    """The owner's own cap does not stop the page; the workspace's does."""
    user = capped(money, "user", "0")
    assert money.reserve(user, **visitor(str(uuid4())))["outcome"] == "reserved"
    workspace = capped(money, "workspace", "0")
    assert money.reserve(workspace, **visitor(str(uuid4())))["outcome"] == "spend_cap_reached"


def test_tier_cap_binds_where_the_user_has_none(money: Money) -> None:
    """A tier's monthly cap is for all its users; a user's own row replaces it."""
    with money.tier_limit("enterprise", "monthly_cost_cap_usd", 0):
        user = money.account(tier="enterprise")
        assert money.reserve(user)["outcome"] == "spend_cap_reached"
        money.admin.execute("insert into public.ai_spend_caps values ('user', %s, 5)", [user])
        assert money.reserve(user)["outcome"] == "reserved"


def test_refusal_by_cap_holds_nothing_and_is_logged(money: Money) -> None:
    """A call that is refused for its cost holds no energy, and is in the log."""
    user, request = capped(money, "user", "0"), str(uuid4())
    money.reserve(user, request_id=request)
    assert money.bound(user) == 0
    assert money.usage(request)["error_code"] == "spend_cap_reached"
