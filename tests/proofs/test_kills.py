"""Fault 5: `kill -9` of workers under load loses no bill and leaves no hold."""

import asyncio
import itertools
import json
import random
from collections import Counter
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.conftest import Database
from tests.proofs.figures import show
from tests.proofs.stories import KINDS, Story
from tests.proofs.workers import Workers, workers
from tests.provider import Provider
from tests.sql.invariants import broken
from tests.users import signed_in

ENERGY = 100
STORIES = 5
AT_ONCE = 4
TRIES = 5
MAX_WAIT_SECONDS = 0.5
"""A kill comes within this many seconds after a round has started, at a moment that the seed chooses."""

FAULTS = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after": 0.2},
    {"kind": "slow_first_token", "seconds": 0.3},
    {"kind": "drip", "seconds": 0.03},
    {"kind": "chunks", "count": 20, "seconds": 0.02},
    {"kind": "cut", "after_chunks": 2},
    {"kind": "no_usage"},
    {"kind": "malformed"},
)


class Load:
    """Rounds of calls, each interrupted by a kill."""

    def __init__(
        self, stack: Stack, database: Database, provider: Provider, running: Workers, seed: int
    ) -> None:
        self._stack = stack
        self._database = database
        self._provider = provider
        self._running = running
        self._dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self.stories: list[Story] = []

    async def round(self) -> None:
        """Start calls, kill a worker meanwhile, and repeat the calls that have a key at the new worker."""
        kinds = [self._dice.choice(KINDS) for _ in range(STORIES)]
        stories = [
            Story(kind, signed_in(self._stack, self._database, energy=ENERGY), ENERGY) for kind in kinds
        ]
        self.stories += stories
        self._provider.fail(*self._dice.choices(FAULTS, k=self._dice.randrange(STORIES)))
        apikey = self._stack.publishable_key
        tasks = [
            asyncio.create_task(call)
            for story in stories
            for call in story.calls(self._running, apikey, self._dice)
        ]
        await asyncio.wait(tasks, timeout=self._dice.uniform(0, MAX_WAIT_SECONDS))
        victim = self._dice.randrange(len(self._running.running))
        await asyncio.to_thread(self._running.kill, victim)
        again = [
            story.call(self._running.ports()[victim], apikey) for story in stories if story.key is not None
        ]
        await asyncio.gather(*tasks, *again)

    async def everything_again(self) -> None:
        """Repeat every call that has a key, when nothing fails any more and no hold blocks it."""
        self._provider.reset()
        turnstile = asyncio.Semaphore(AT_ONCE)

        async def ask(story: Story, port: int) -> None:
            async with turnstile:
                # An overloaded machine may answer too late, as any client knows.
                for _ in range(TRIES):
                    story.answers.clear()
                    await story.call(port, self._stack.publishable_key)
                    if [reply["status"] for reply in story.replies()] == [200]:
                        return
            raise AssertionError(story.replies())

        keyed = [story for story in self.stories if story.key is not None]
        ports = itertools.cycle(self._running.ports())
        await asyncio.gather(*map(ask, keyed, ports))


def arrived(stack: Stack) -> list[tuple[str, str]]:
    """Return the provider's records: the id of each request, and its words."""
    reply = httpx.get(f"{stack.provider_url}/control/requests", params={"bodies": "1"})
    rows = [(row["id"], json.loads(row["body"])["messages"][-1]["content"]) for row in reply.json()]
    assert len(rows) < 1000, "the provider keeps the words of the newest thousand"
    return rows


def sweep(database: Database) -> None:
    """Let every open hold expire, and run one sweep."""
    database.execute(
        "update public.ai_requests set expires_at = now() - interval '1 second' where state = 'held'"
    )
    database.execute("select public.ai_sweep()")


def assert_nothing_is_lost(database: Database, story: Story, requests: list[str]) -> None:
    """Assert: no hold, a row for each provider request, one usage row a call, and charges only for settled calls."""
    books = Books(database, story.user)
    assert broken(database, UUID(story.user.id)) == []
    by_id = {str(row["id"]): row for row in books.requests()}
    assert [row["state"] for row in by_id.values() if row["state"] == "held"] == []
    assert books.energy() == story.energy - sum(row["energy_charged"] for row in by_id.values())
    usage = Counter(str(row["request_id"]) for row in books.usage())
    assert set(by_id) <= set(usage)
    assert set(usage.values()) <= {1}
    attempts = books.attempts()
    assert len(attempts) >= len(requests)
    known = [row["provider_request_id"] for row in attempts if row["provider_request_id"] is not None]
    assert len(known) == len(set(known))
    assert set(known) <= set(requests)
    settled = [row for row in by_id.values() if row["state"] == "settled"]
    if story.key is not None:
        assert len(settled) <= 1
    if story.kind == "grouped":
        # See docs/decisions/charge-groups.md.
        dearest = max((row["class_energy"][row["model_class"]] for row in settled), default=0)
        assert sum(row["energy_charged"] for row in settled) == dearest
    for reply in story.replies():
        row = by_id.get(reply["requestId"])
        if reply["status"] == 200:
            assert row is not None
            assert (row["state"], row["energy_charged"]) == ("settled", reply["meta"]["energyConsumed"])
        else:
            assert row is None or row["energy_charged"] == 0


def assert_nothing_is_lost_of(stack: Stack, database: Database, stories: list[Story]) -> Counter[str]:
    """Assert the same of every story; return the counts of what happened."""
    at_provider = arrived(stack)
    for story in stories:
        words = f"says {story.user.id}."
        assert_nothing_is_lost(
            database, story, [number for number, content in at_provider if content.endswith(words)]
        )
    states = Counter(row["state"] for story in stories for row in Books(database, story.user).requests())
    attempts = sum(len(Books(database, story.user).attempts()) for story in stories)
    return states + Counter(attempts=attempts, arrived=len(at_provider))


async def kill(
    stack: Stack, database: Database, provider: Provider, running: Workers, seed: int, kills: int
) -> Counter[str]:
    """Run a number of rounds with one kill each, sweep, and check all of them."""
    load = Load(stack, database, provider, running, seed)
    for _ in range(kills):
        await load.round()
    await asyncio.to_thread(running.renew)
    sweep(database)
    counts = assert_nothing_is_lost_of(stack, database, load.stories)
    await load.everything_again()
    sweep(database)
    for story in load.stories:
        assert broken(database, UUID(story.user.id)) == []
        if story.key is not None:
            assert len(Books(database, story.user).ledger()) == 1
    return counts


async def test_fault_5_killed_workers_lose_no_bill_and_leave_no_hold(
    stack: Stack, database: Database, provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After 8 kills of two workers under mixed load and one sweep, every account is exact."""
    with workers(stack, 2, tmp_path / "workers.log") as running:
        counts = await kill(stack, database, provider, running, seed=0, kills=8)
    show(capsys, "8 kills", counts)
    assert counts["settled"] > 0
    assert counts["expired"] > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
async def test_fault_5_two_hundred_kills_lose_no_bill_and_leave_no_hold(
    stack: Stack,
    database: Database,
    provider: Provider,
    tmp_path: Path,
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """20 kills a seed, 200 in all."""
    with workers(stack, 2, tmp_path / "workers.log") as running:
        show(capsys, f"seed {seed}, 20 kills", await kill(stack, database, provider, running, seed, kills=20))
