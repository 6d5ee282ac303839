"""Visitors who disconnect and providers that hang: conversation, charges and reply are still right."""

import asyncio
import json
from typing import Any

import httpx
import openai  # noqa: F401  # half a second that would be missing from the short budgets below
import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.generate_ai_content.test_stream import ended, events_of
from tests.functions.public_chatbot_chat.chat_page import AWAY, URL, NewPage, Page
from tests.proofs.chat_pages import Visitors, open_page, visitors_of
from tests.provider import Provider

ANSWER = "Opo, may stock pa po kami ng barley at collagen dito sa Makati ngayong linggo"
WORDS = ANSWER.split()
ASKED = "May stock pa po ba?"


async def leave_after(page: Page, deltas: int) -> str:
    """Send a message, read a number of deltas, and disconnect; return the text read."""
    read = ""
    async with (
        httpx.AsyncClient(base_url=page.stack.url, timeout=60) as client,
        client.stream(
            "POST", URL, json=page.body(ASKED, stream=True), headers={"apikey": page.stack.publishable_key}
        ) as reply,
    ):
        events = events_of(reply)
        assert (await anext(events))["type"] == "meta"
        for _ in range(deltas):
            event = await anext(events)
            assert event["type"] == "delta"
            read += event["text"]
    return read


def assert_consistent(page: Page, answer: str, energy: int) -> None:
    """Assert both rows, the session's count, no hold, and a record of each provider request."""
    assert page.rows() == [("visitor", ASKED), ("ai", answer)]
    assert page.session("message_count") == 2
    books = page.books()
    assert books.energy() == energy
    assert [row["state"] for row in books.requests() if row["state"] == "held"] == []
    (attempt,) = books.attempts()
    assert attempt["cost_usd"] > 0


@pytest.mark.parametrize("received", range(1, len(WORDS)))
async def test_fault_3_a_visitor_who_disconnects_after_k_chunks_has_both_rows(
    new_page: NewPage, provider: Provider, received: int
) -> None:
    """For every k the row has exactly the text that was sent, charged once, and nothing is held (fault 3)."""
    page = new_page()
    # A word is sent when the next one has started.
    provider.fail({"kind": "hang", "message": ANSWER, "after_chunks": received + 1})
    assert await leave_after(page, received) == " ".join(WORDS[:received])
    request = await ended(page.books())
    assert (request["state"], request["energy_charged"]) == ("settled", 10)
    assert_consistent(page, " ".join(WORDS[:received]), 490)
    (usage,) = page.books().usage()
    assert (usage["error_code"], usage["cost_estimated"]) == ("client_closed", True)
    (seen,) = provider.requests()
    assert seen["aborted"] is True


async def test_fault_3_a_visitor_who_disconnects_before_the_first_word_costs_no_energy(
    new_page: NewPage, provider: Provider
) -> None:
    """The fallback answer is stored, the energy is released, and the cost is recorded (fault 3)."""
    page = new_page()
    provider.fail({"kind": "hang", "message": ANSWER, "after_chunks": 1})
    assert await leave_after(page, 0) == ""
    assert (await ended(page.books()))["state"] == "released"
    assert_consistent(page, AWAY, 500)
    page.books().assert_nothing_charged(500)


HANGS: list[tuple[bool, dict[str, Any]]] = [
    (False, {"kind": "hang"}),
    (True, {"kind": "hang"}),
    (True, {"kind": "hang", "message": ANSWER, "after_chunks": 0}),
    (True, {"kind": "hang", "message": ANSWER, "after_chunks": 1}),
    (True, {"kind": "hang", "message": ANSWER, "after_chunks": 5}),
]


@pytest.mark.parametrize(("stream", "fault"), HANGS, ids=str)
async def test_fault_19_a_provider_that_hangs_is_ended_by_the_guard(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider,
    stream: bool, fault: dict[str, Any],  # noqa: FBT001
) -> None:  # fmt: skip
    """The page gets a reply within the budget, and no work is left after it (fault 19)."""
    owner = new_user()
    page = open_page(database, owner.id)
    provider.fail(fault)
    async with visitors_of(stack, REQUEST_TIMEOUT_SECONDS="4", STREAM_TIMEOUT_SECONDS="4") as visitors:
        reply, left = await asked_alone(visitors, page, stream=stream)
        books = Books(database, owner)
        assert [row["state"] for row in books.requests()] == ["released"]
        stored = database.execute(
            "select sender, message from public.public_chat_messages where session_id = %s order by created_at",
            [page.session_id],
        ).fetchall()
    assert reply.status_code == 200
    last = events_in(reply)[-1] if stream else reply.json()
    assert (last["response"], last["fallback"], last["handledBy"]) == (AWAY, True, "away")
    assert stored == [("visitor", ASKED), ("ai", AWAY)]
    assert left == set()
    books.assert_nothing_charged(500)
    assert len(books.attempts()) == len(provider.requests()) == 1
    assert all(row["cost_usd"] > 0 for row in books.attempts())


async def asked_alone(visitors: Visitors, page: Any, *, stream: bool) -> tuple[httpx.Response, set[str]]:  # noqa: ANN401
    """Send a message; return the reply and the names of the tasks that are still running."""
    before = asyncio.all_tasks()
    reply = await visitors.say(page, ASKED, stream=stream)
    # One turn of the loop, in which a cancelled task ends.
    await asyncio.sleep(0)
    return reply, {str(task.get_coro()) for task in asyncio.all_tasks() - before}


def events_in(reply: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a stream."""
    return [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line]


async def test_fault_19_a_slow_stream_is_ended_in_time_and_reported(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """At a word a second the budget ends it: the error event has the fallback answer, nothing is charged (fault 19)."""
    owner = new_user()
    page = open_page(database, owner.id)
    provider.fail({"kind": "drip", "message": ANSWER, "seconds": 1})
    async with visitors_of(stack, STREAM_TIMEOUT_SECONDS="5") as visitors:
        reply, left = await asked_alone(visitors, page, stream=True)
    events = events_in(reply)
    assert (events[-1]["type"], events[-1]["code"], events[-1]["response"]) == (
        "error", "deadline_exceeded", AWAY,
    )  # fmt: skip
    assert "".join(event.get("text", "") for event in events).startswith("Opo,")
    assert left == set()
    Books(database, owner).assert_nothing_charged(500)
