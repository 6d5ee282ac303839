"""Fault 16: an attacker who changes sessions and addresses, or who has one address and unlimited time.

The limits are the default rows: 500 energy and 2 USD a day for all visitors of a workspace.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

import httpx
import pytest

from local.stack.stack import Stack
from tests.conftest import Database
from tests.proofs.chat_pages import AWAY, ChatPage, Visitors, another_session, open_page, visitors_of
from tests.proofs.figures import show
from tests.proofs.two_workspaces import limits_raised
from tests.provider import Provider
from tests.sql.invariants import broken
from tests.users import make_user

ENERGY_PER_DAY = 500
USD_PER_DAY = Decimal(2)
GENUINE = 100
AT_ONCE = 8
ATTACKER = "203.0.113.66"
QUESTIONS = (
    "Magkano po ang barley?",
    "May branch po ba kayo sa Cebu?",
    "How do I join?",
    "FDA registered po ba?",
)


@dataclass(frozen=True)
class Message:
    """One message: its sender, the address, and the page."""

    who: str
    page: ChatPage
    said: str
    address: str
    forged: str = ""
    """An address that the sender puts into headers which only the platform may set."""


FORGED_HEADERS = ("x-forwarded-for", "x-real-ip", "forwarded", "x-viewer-address", "x-origin-secret")


@pytest.fixture
async def visitors(stack: Stack) -> AsyncIterator[Visitors]:
    """Yield the chat function in this process, over the real database."""
    async with visitors_of(stack, LOG_LEVEL="ERROR", CIRCUIT_FAILURES="1000000") as answered:
        yield answered


@pytest.fixture
def attacked(database: Database) -> str:
    """Return the owner of the attacked page, with energy for ten such days."""
    owner_id = make_user(database, "enterprise", 5_000)
    open_page(database, owner_id)
    return owner_id


@pytest.fixture
def spared(database: Database) -> str:
    """Return the owner of another page."""
    owner_id = make_user(database, "pro", 500)
    open_page(database, owner_id)
    return owner_id


def spent(database: Database, owner_id: str) -> tuple[int, Decimal]:
    """Return the energy and the USD that a workspace's visitors have cost, from the ledger and the attempts."""
    row = database.execute(
        """select
             (select coalesce(-sum(delta), 0) from public.energy_transactions
              where user_id = %(owner)s and request_id is not null),
             (select coalesce(sum(coalesce(cost_usd, cost_bound_usd)), 0)
              from public.ai_usage_attempts where user_id = %(owner)s)""",
        {"owner": owner_id},
    ).fetchone()
    assert row is not None
    return int(str(row[0])), Decimal(str(row[1]))


def outcome(reply: httpx.Response) -> str:
    """Return which kind of answer the reply contains, or its status."""
    if reply.status_code != 200:
        return str(reply.status_code)
    body = reply.json()
    assert body["fallback"] is (body["handledBy"] == "away")
    if body["handledBy"] == "away":
        assert body["response"] == AWAY
    return str(body["handledBy"])


async def sent(visitors: Visitors, messages: Iterable[Message]) -> list[tuple[Message, str]]:
    """Send them in order, some at the same time; return each with its outcome."""
    turnstile = asyncio.Semaphore(AT_ONCE)

    async def send(message: Message) -> tuple[Message, str]:
        async with turnstile:
            headers = {"apikey": visitors.key} | dict.fromkeys(
                FORGED_HEADERS if message.forged else (), message.forged
            )
            reply = await visitors.say(message.page, message.said, message.address, headers)
        return message, outcome(reply)

    return await asyncio.gather(*map(send, messages))


def counted(outcomes: Sequence[tuple[Message, str]], who: str) -> Counter[str]:
    """Return how often one party got each outcome."""
    return Counter(found for message, found in outcomes if message.who == who)


def address(number: int) -> str:
    """Return one of many addresses."""
    return f"198.18.{number // 250}.{number % 250 + 1}"


def rotating(database: Database, owner_id: str, calls: int, dice: random.Random) -> list[Message]:
    """Return an attacker's messages with a new session and a new address for every call."""
    return [
        Message("attacker", another_session(database, owner_id), dice.choice(QUESTIONS), address(number))
        for number in range(calls)
    ]


def visitors_from_elsewhere(database: Database, owner_id: str, who: str, count: int) -> list[Message]:
    """Return messages of genuine visitors, each with a session and an address."""
    return [
        Message(
            who,
            another_session(database, owner_id),
            QUESTIONS[number % len(QUESTIONS)],
            f"192.0.2.{number + 1}",
        )
        for number in range(count)
    ]


async def rotation_costs_a_day(
    visitors: Visitors, database: Database, provider: Provider, attacked: str, spared: str, calls: int
) -> Counter[str]:
    """Send from a number of addresses in rotation; then let visitors of both pages write."""
    dice = random.Random(calls)  # noqa: S311  # repeatable, not secret
    attack = rotating(database, attacked, calls, dice)
    others = visitors_from_elsewhere(database, spared, "neighbour", 20)
    mixed = [*attack, *others]
    dice.shuffle(mixed)
    found = await sent(visitors, mixed)
    energy, usd = spent(database, attacked)
    assert energy <= ENERGY_PER_DAY
    assert usd <= USD_PER_DAY
    assert counted(found, "attacker").keys() == {"ai", "away"}
    assert counted(found, "neighbour") == {"ai": 20}
    late = await sent(visitors, visitors_from_elsewhere(database, attacked, "late", 5))
    assert counted(late, "late") == {"away": 5}
    assert len(provider.requests()) == counted(found, "attacker")["ai"] + 20
    assert broken(database, UUID(attacked)) == broken(database, UUID(spared)) == []
    return counted(found, "attacker") + Counter({"energy": energy, "USD cents": round(usd * 100)})


async def test_fault_16_rotating_sessions_and_addresses_costs_a_day_at_most(
    visitors: Visitors,
    database: Database,
    provider: Provider,
    attacked: str,
    spared: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """250 addresses cost at most the day's limit; late visitors get the fallback answer, other pages are unaffected."""
    counts = await rotation_costs_a_day(visitors, database, provider, attacked, spared, 250)
    show(capsys, "rotating addresses", counts)


@pytest.mark.soak
async def test_fault_16_a_thousand_addresses_cost_a_day_at_most(
    visitors: Visitors,
    database: Database,
    provider: Provider,
    attacked: str,
    spared: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With 1,000 addresses and sessions the cost is at most the day's limit."""
    counts = await rotation_costs_a_day(visitors, database, provider, attacked, spared, 1000)
    show(capsys, "a thousand addresses", counts)


@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.soak), pytest.param(3, marks=pytest.mark.soak)]
)
async def test_fault_16_one_address_starves_nobody(
    visitors: Visitors, database: Database, attacked: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """99 of 100 genuine visitors are answered beside 300 calls of one address with many sessions and forged headers."""
    dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
    attack = [
        replace(message, address=ATTACKER, forged=message.address)
        for message in rotating(database, attacked, 300, dice)
    ]
    mixed = [*attack, *visitors_from_elsewhere(database, attacked, "visitor", GENUINE)]
    dice.shuffle(mixed)
    found = await sent(visitors, mixed)
    energy, usd = spent(database, attacked)
    show(capsys, "attacker", counted(found, "attacker"))
    show(
        capsys,
        "genuine visitors",
        counted(found, "visitor") + Counter({"energy": energy, "USD cents": round(usd * 100)}),
    )
    assert counted(found, "visitor")["ai"] >= 99
    assert energy <= ENERGY_PER_DAY
    assert usd <= USD_PER_DAY
    assert broken(database, UUID(attacked)) == []


async def test_fault_16_one_address_that_came_first_starves_nobody(
    visitors: Visitors, database: Database, attacked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of 100 genuine visitors comes after the attacker has used everything that one address may use."""
    first = [Message("attacker", another_session(database, attacked), "Hi", ATTACKER) for _ in range(150)]
    counts = counted(await sent(visitors, first), "attacker")
    found = await sent(visitors, visitors_from_elsewhere(database, attacked, "visitor", GENUINE))
    show(capsys, "attacker first", counts)
    assert counted(found, "visitor")["ai"] >= 99


async def test_fault_16_expensive_answers_end_with_the_days_usd(
    visitors: Visitors,
    database: Database,
    provider: Provider,
    attacked: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Prompts of 60,000 tokens cost up to 0.156 USD each: the day ends at two USD, though energy remains."""
    usage = {"prompt_tokens": 60_000, "completion_tokens": 600, "total_tokens": 60_600}
    provider.fail({"kind": "usage", "usage": usage, "times": 1000})
    found = await sent(visitors, rotating(database, attacked, 200, random.Random(4)))  # noqa: S311
    energy, usd = spent(database, attacked)
    show(
        capsys,
        "dear answers",
        counted(found, "attacker") + Counter({"energy": energy, "USD cents": round(usd * 100)}),
    )
    assert counted(found, "attacker").keys() == {"ai", "away"}
    assert Decimal("1.9") < usd <= USD_PER_DAY
    assert energy < ENERGY_PER_DAY
    assert broken(database, UUID(attacked)) == []


@pytest.mark.soak
async def test_without_its_share_an_address_would_starve_the_others(
    visitors: Visitors, database: Database, attacked: str
) -> None:
    """Without the limits of an address the same attack leaves fewer than 99 answers, so the proof can fail."""
    shares = {"visitor_address_energy_per_day": 10**6, "visitor_address_calls_per_minute": 10**6}
    first = [Message("attacker", another_session(database, attacked), "Hi", ATTACKER) for _ in range(150)]
    with limits_raised(database, **shares):
        await sent(visitors, first)
        found = await sent(visitors, visitors_from_elsewhere(database, attacked, "visitor", GENUINE))
    assert counted(found, "visitor")["ai"] < 99
    energy, usd = spent(database, attacked)
    assert (energy <= ENERGY_PER_DAY, usd <= USD_PER_DAY) == (True, True)
