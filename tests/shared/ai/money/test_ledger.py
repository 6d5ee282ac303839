"""The money protocol in Python: every outcome has its reply, and a lost answer has no second effect."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from local.stack.stack import Stack
from shared.ai.money.outcomes import Outcome
from tests.apps import Pauses, in_process
from tests.books import Books
from tests.calls import Api, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider
from tests.wire import Seen, Way, Wire, answer, lose_answer, lose_request, pass_on, wire_before

ONE_RETRY = orchestrated(retryAttempts=1, allowFallback=False)


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy before the Supabase API."""
    async with wire_before(stack.upstream_url) as between:
        yield between


@pytest.fixture
async def api(stack: Stack, wire: Wire) -> AsyncIterator[Api]:
    """Yield the function in this process, whose Supabase is behind the proxy."""
    async with in_process(stack, Pauses().effects(), SUPABASE_URL=wire.url) as calls:
        yield calls


def test_python_and_sql_know_the_same_outcomes(database: Database) -> None:
    """The SQL type and the Python enumeration have the same members."""
    rows = database.execute("select unnest(enum_range(null::nexscout.outcome))::text").fetchall()
    assert {row[0] for row in rows} == {outcome.value for outcome in Outcome}


# Outcome of the reservation -> status, code of the reply.
ANSWERS: list[tuple[dict[str, Any], int, str]] = [
    ({"outcome": "insufficient_energy", "required_energy": 10, "energy_available": 5}, 402, "insufficient_energy"),
    ({"outcome": "insufficient_coins", "required_coins": 20, "coins_available": 1}, 402, "insufficient_coins"),
    ({"outcome": "spend_cap_reached"}, 402, "spend_cap_reached"),
    ({"outcome": "visitor_cap_reached"}, 402, "spend_cap_reached"),
    ({"outcome": "upgrade_required", "tier": "free"}, 403, "upgrade_required"),
    ({"outcome": "rate_limited", "retry_after_seconds": 7}, 429, "rate_limited"),
    ({"outcome": "idempotency_conflict"}, 409, "idempotency_conflict"),
    ({"outcome": "in_progress", "retry_after_seconds": 2}, 409, "request_in_progress"),
    ({"outcome": "unknown_account"}, 401, "unauthorized"),
    ({"outcome": "unknown_action"}, 400, "unknown_action"),
    ({"outcome": "session_not_found"}, 404, "session_not_found"),
    ({"outcome": "chatbot_not_found"}, 404, "chatbot_not_found"),
    ({"outcome": "conversation_not_found"}, 404, "conversation_not_found"),
    ({"outcome": "noted"}, 500, "internal_error"),
    ({"outcome": "settled"}, 500, "internal_error"),
    ({"outcome": "released"}, 500, "internal_error"),
    ({"outcome": "expired"}, 500, "internal_error"),
    ({"outcome": "already_settled"}, 500, "internal_error"),
    ({"outcome": "already_released"}, 500, "internal_error"),
    ({"outcome": "unknown_request"}, 500, "internal_error"),
    ({"outcome": "accepted"}, 500, "internal_error"),
    ({"outcome": "queued"}, 500, "internal_error"),
    ({"outcome": "running"}, 500, "internal_error"),
    ({"outcome": "done"}, 500, "internal_error"),
    ({"outcome": "failed"}, 500, "internal_error"),
    ({"outcome": "stored"}, 500, "internal_error"),
    ({"outcome": "already_stored"}, 500, "internal_error"),
    ({"outcome": "blocks_open"}, 500, "internal_error"),
    ({"outcome": "lease_lost"}, 500, "internal_error"),
    ({"outcome": "scan_not_found"}, 500, "internal_error"),
    ({"outcome": "something nobody knows"}, 500, "internal_error"),
    ({}, 500, "internal_error"),
]  # fmt: skip
ADMITTED = {Outcome.RESERVED, Outcome.REPLAYED}


@pytest.mark.parametrize(("body", "status", "code"), ANSWERS)
async def test_what_is_not_admitted_is_reported_and_not_sent(
    api: Api, wire: Wire, new_user: NewUser, provider: Provider, body: dict[str, Any], status: int, code: str
) -> None:
    """Each outcome has its reply, with Retry-After where waiting helps, and nothing is sent to a provider."""
    wire.meet("ai_reserve", answer(200, json.dumps(body).encode()))
    reply = await api(new_user(), orchestrated())
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers.get("retry-after") == (
        str(body["retry_after_seconds"]) if "retry_after_seconds" in body else None
    )
    assert provider.requests() == []


def test_every_outcome_of_a_reservation_is_in_the_table() -> None:
    """A new outcome needs a line above."""
    assert {body["outcome"] for body, _, _ in ANSWERS if body} >= set(Outcome) - ADMITTED


LOSSES = [(lose_answer, "answer"), (lose_request, "request")]


@pytest.mark.parametrize("loss", [row[0] for row in LOSSES], ids=[row[1] for row in LOSSES])
@pytest.mark.parametrize("function", ["ai_reserve", "ai_settle", "ai_note_attempt", "ai_release"])
async def test_a_money_call_that_is_lost_is_asked_again_without_a_second_effect(
    api: Api, wire: Wire, new_user: NewUser, database: Database, provider: Provider, function: str, loss: Way
) -> None:
    """Each call is keyed by the request: after two losses the outcome is the same as without any."""
    user = new_user()
    failing = function == "ai_release"
    provider.fail({"kind": "status", "status": 500, "times": 2 if failing else 1})
    wire.meet(function, loss, loss)
    reply = await api(user, ONE_RETRY)
    assert wire.names().count(function) == 3
    books = Books(database, user)
    assert reply.status_code == (502 if failing else 200), reply.text
    assert books.energy() == (500 if failing else 490)
    assert books.ledger() == ([] if failing else [-10])
    assert [row["state"] for row in books.requests()] == ["released" if failing else "settled"]
    assert len(books.attempts()) == len(provider.requests()) == 2
    assert len(books.usage()) == 1


async def test_a_reservation_that_never_answers_is_an_outage(
    api: Api, wire: Wire, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """After three tries the reply is 503; nothing was sent to a provider, and nothing is charged."""
    user = new_user()
    wire.meet("ai_reserve", lose_request, lose_request, lose_request)
    reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["code"]) == (503, "service_unavailable")
    assert wire.names().count("ai_reserve") == 3
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(500)


async def test_a_further_attempt_that_cannot_be_noted_is_not_sent(
    api: Api, wire: Wire, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Recorded attempts are never fewer than the requests at the provider (fault 8)."""
    user = new_user()
    provider.fail({"kind": "status", "status": 500})
    wire.meet("ai_note_attempt", lose_request, lose_request, lose_request)
    reply = await api(user, ONE_RETRY)
    assert (reply.status_code, reply.json()["code"]) == (503, "service_unavailable")
    assert len(provider.requests()) == len(Books(database, user).attempts()) == 1
    Books(database, user).assert_nothing_charged(500)


async def test_a_hold_that_ended_meanwhile_sends_nothing_more(
    api: Api, wire: Wire, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """If the database answers expired, no second request is sent, and the first one is recorded."""
    user = new_user()
    provider.fail({"kind": "status", "status": 500})
    wire.meet("ai_note_attempt", answer(200, b'{"outcome":"expired"}'))
    reply = await api(user, ONE_RETRY)
    assert (reply.status_code, reply.json()["code"]) == (504, "deadline_exceeded")
    assert len(provider.requests()) == len(Books(database, user).attempts()) == 1
    Books(database, user).assert_nothing_charged(500)


async def test_fault_9_a_release_that_fails_leaves_a_hold_that_ends_by_itself(
    api: Api, wire: Wire, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The caller gets the provider's error, not the ledger's; the energy is free after the hold's expiry (fault 9)."""
    user = new_user(energy=10)
    provider.fail({"kind": "refusal"})
    wire.meet("ai_release", lose_request, lose_request, lose_request)
    reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["code"]) == (422, "content_refused")
    assert (await api(user, orchestrated(autoSelectModel=False))).status_code == 402
    database.execute(
        "update public.ai_requests set expires_at = now() - interval '1 second' where user_id = %s", [user.id]
    )
    assert (await api(user, orchestrated(autoSelectModel=False))).status_code == 200
    assert Books(database, user).energy() == 0


async def test_an_account_deleted_meanwhile_still_gets_its_answer(
    api: Api, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """If the ledger was deleted with the user, nothing is charged and nothing crashes."""
    user = new_user()

    async def deleted(between: Wire, seen: Seen, request: Request) -> Response:
        database.execute("delete from auth.users where id = %s", [user.id])
        return await pass_on(between, seen, request)

    wire.meet("ai_settle", deleted)
    reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["meta"]["energyConsumed"]) == (200, 0)


async def test_a_feature_row_that_the_database_refuses_does_not_touch_the_money(
    api: Api, new_user: NewUser, database: Database
) -> None:
    """If a trigger of the app refuses the row: delivered, charged, recorded, and the reply has no generationId."""
    user = new_user()
    database.execute(
        "create or replace function pg_temp.refuse() returns trigger language plpgsql as 'begin raise ''no''; end'"
    )
    database.execute(
        f"""create trigger refuse before insert on public.ai_generations for each row
            when (new.user_id = '{user.id}') execute function pg_temp.refuse()""".encode()
    )
    try:
        reply = await api(user, orchestrated())
    finally:
        database.execute("drop trigger refuse on public.ai_generations")
    assert (reply.status_code, reply.json()["generationId"]) == (200, None)
    books = Books(database, user)
    assert (books.energy(), books.generations()) == (490, [])
    assert (books.requests()[0]["state"], books.requests()[0]["storage_error"]) == ("settled", "P0001")
