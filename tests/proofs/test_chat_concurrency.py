"""Fifty visitors at once, in one session and in fifty: the order is kept, nothing is lost, charges are right."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from uuid import UUID

import httpx
import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.proofs.chat_pages import ChatPage, Visitors, another_session, open_page, visitors_at, visitors_of
from tests.proofs.two_workspaces import limits_raised
from tests.provider import Provider
from tests.sql.invariants import broken
from tests.users import User

VISITORS = 50
ENERGY = 10_000

Turn = tuple[str, str, datetime]


@pytest.fixture
def no_limits(database: Database) -> Iterator[None]:
    """Remove the limits of calls per minute and of the visitors' day."""
    with limits_raised(database):
        yield


@pytest.fixture
async def processes(stack: Stack) -> AsyncIterator[list[Visitors]]:
    """Yield the chat function in two processes that share only the database."""
    async with visitors_of(stack, LOG_LEVEL="ERROR") as here:
        yield [here, visitors_at(stack)]


@pytest.fixture
def owner(new_user: NewUser) -> User:
    """Return an owner with enough energy."""
    return new_user(tier="enterprise", energy=ENERGY)


def turns(database: Database, page: ChatPage) -> list[Turn]:
    """Return sender, words and time of every row of a session, in order."""
    rows = database.execute(
        "select sender, message, created_at from public.public_chat_messages where session_id = %s order by created_at",
        [page.session_id],
    ).fetchall()
    return [(str(sender), str(message), at) for sender, message, at in rows if isinstance(at, datetime)]


def answer_of(reply: httpx.Response) -> str:
    """Return the text that the page received, buffered or as events."""
    if reply.headers["content-type"].startswith("application/json"):
        return str(reply.json()["response"])
    events = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line]
    assert events[-1]["type"] == "done", events[-1]
    return str(events[-1]["response"])


async def ask_at_once(
    processes: Sequence[Visitors], pages: Sequence[ChatPage], questions: Sequence[str]
) -> list[str]:
    """Ask all questions at once, each on its page, alternating processes, every third streamed; return the answers."""
    replies = await asyncio.gather(
        *(
            processes[number % len(processes)].say(
                page, question, f"192.0.2.{number + 1}", stream=number % 3 == 0
            )
            for number, (page, question) in enumerate(zip(pages, questions, strict=True))
        )
    )
    assert [reply.status_code for reply in replies] == [200] * len(questions)
    return [answer_of(reply) for reply in replies]


def assert_in_order(found: Sequence[Turn], questions: Sequence[str], answers: Sequence[str]) -> None:
    """Assert that times increase, and that each question and answer is stored once, the answer after its question."""
    times = [at for _, _, at in found]
    assert all(earlier < later for earlier, later in pairwise(times))
    said = [message for _, message, _ in found]
    assert sorted(said) == sorted([*questions, *answers])
    for question, answer in zip(questions, answers, strict=True):
        # The simulated model quotes the question, so the answer to another question would be noticed.
        assert question in answer
        assert said.index(question) < said.index(answer)
    assert [sender for sender, _, _ in found].count("ai") == len(answers)


def assert_books_balance(database: Database, owner: User, provider: Provider, calls: int) -> None:
    """Assert that each answer is charged once, at ten, and the provider got one request for each."""
    books = Books(database, owner)
    assert books.ledger() == [-10] * calls
    assert books.energy() == ENERGY - 10 * calls
    assert [row["success"] for row in books.usage()] == [True] * calls
    assert len(books.attempts()) == len(provider.requests()) == calls
    assert broken(database, UUID(owner.id)) == []


@pytest.mark.usefixtures("no_limits")
async def test_fifty_visitors_at_once_in_one_session_keep_their_order(
    processes: list[Visitors], database: Database, owner: User, provider: Provider
) -> None:
    """One session gets 100 rows, each question before its own answer, and fifty charges."""
    page = open_page(database, owner.id)
    questions = [f"tanong {number:03}" for number in range(VISITORS)]
    answers = await ask_at_once(processes, [page] * VISITORS, questions)
    assert_in_order(turns(database, page), questions, answers)
    assert_books_balance(database, owner, provider, VISITORS)
    counted = database.execute(
        "select message_count from public.public_chat_sessions where id = %s", [page.session_id]
    ).fetchone()
    assert counted == (2 * VISITORS,)


@pytest.mark.usefixtures("no_limits")
async def test_fifty_visitors_at_once_in_fifty_sessions_keep_their_order(
    processes: list[Visitors], database: Database, owner: User, provider: Provider
) -> None:
    """After two rounds each session has its own two questions with their answers, in order, and no other rows."""
    open_page(database, owner.id)
    pages = [another_session(database, owner.id) for _ in range(VISITORS)]
    rounds = [[f"tanong {turn}-{number:03}" for number in range(VISITORS)] for turn in (1, 2)]
    answers = [await ask_at_once(processes, pages, questions) for questions in rounds]
    for number, page in enumerate(pages):
        found = turns(database, page)
        assert_in_order(found, [one[number] for one in rounds], [one[number] for one in answers])
        assert [sender for sender, _, _ in found] == ["visitor", "ai", "visitor", "ai"]
    assert_books_balance(database, owner, provider, 2 * VISITORS)
