"""Fault 1: concurrent calls from several processes overspend a budget."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.calls import orchestrated
from tests.conftest import Database
from tests.proofs.wire import post
from tests.proofs.workers import Workers, workers
from tests.provider import Provider
from tests.sql.invariants import broken
from tests.users import User, signed_in

AFFORDED = 50


@dataclass(frozen=True)
class Purchase:
    """The cost of one call of a body for a user of the tier."""

    tier: str
    action: str
    energy: int
    downgraded: bool = False


PURCHASES = [
    Purchase("pro", "ai_message", 10),
    Purchase("free", "ai_message", 3, downgraded=True),
    Purchase("team", "ai_deep_scan", 25),
    Purchase("enterprise", "ai_objection_handler", 10),
]


@pytest.fixture
def many_calls_a_minute(database: Database) -> Iterator[None]:
    """Remove the rate limit, and restore it afterwards."""
    rows = database.execute("select tier, calls_per_minute from public.ai_tiers").fetchall()
    database.execute("update public.ai_tiers set calls_per_minute = 1000000")
    yield
    for tier, calls in rows:
        database.execute("update public.ai_tiers set calls_per_minute = %s where tier = %s", [calls, tier])


@pytest.fixture(scope="module")
def running(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Yield four workers that share only the database."""
    with workers(stack, 4, tmp_path_factory.mktemp("overspend") / "workers.log") as started:
        yield started


async def spend(
    stack: Stack, running: Workers, user: User, purchase: Purchase, order: list[int]
) -> Counter[int | None]:
    """Make all calls at once, each at the worker with the given number; return the statuses."""
    body = orchestrated(action=purchase.action, autoSelectModel=purchase.downgraded)
    ports = running.ports()

    async def call(index: int) -> int | None:
        answer = await post(ports[index], stack.publishable_key, user, body)
        return None if answer is None else answer.status

    return Counter(await asyncio.gather(*map(call, order)))


def order_of(seed: int, calls: int, running: Workers) -> list[int]:
    """Return the number of the worker for each call."""
    dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
    return [dice.randrange(len(running.running)) for _ in range(calls)]


async def exactly_fifty(
    stack: Stack, database: Database, provider: Provider, running: Workers, seed: int, calls: int
) -> None:
    """Assert that fifty calls are served, the others get 402, and nothing else reaches the provider."""
    purchase = PURCHASES[seed % len(PURCHASES)]
    user = signed_in(stack, database, purchase.tier, AFFORDED * purchase.energy)
    statuses = await spend(stack, running, user, purchase, order_of(seed, calls, running))
    assert statuses == {200: AFFORDED, 402: calls - AFFORDED}
    books = Books(database, user)
    assert (books.energy(), books.ledger()) == (0, [-purchase.energy] * AFFORDED)
    ends = Counter(row["error_code"] for row in books.usage())
    assert ends[None] == AFFORDED
    assert ends["insufficient_energy"] >= calls - AFFORDED
    assert len(books.attempts()) == len(provider.requests()) == AFFORDED
    assert broken(database, UUID(user.id)) == []


@pytest.mark.usefixtures("many_calls_a_minute")
async def test_fault_1_many_calls_at_once_spend_what_there_is_and_no_more(
    stack: Stack, database: Database, provider: Provider, running: Workers
) -> None:
    """Of 150 simultaneous calls to four processes with energy for 50, exactly 50 are served; the others get 402."""
    await exactly_fifty(stack, database, provider, running, seed=0, calls=150)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.usefixtures("many_calls_a_minute")
async def test_fault_1_a_thousand_calls_spend_what_there_is_and_no_more(
    stack: Stack, database: Database, provider: Provider, running: Workers, seed: int
) -> None:
    """The same for 1,000 calls with energy for 50, with other tiers and actions in turn."""
    await exactly_fifty(stack, database, provider, running, seed, calls=1000)
