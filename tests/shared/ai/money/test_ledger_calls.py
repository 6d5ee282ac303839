"""The ledger at the wire: what it sends to each SQL function, and how it interprets each answer."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared import errors
from shared.ai.models.catalogue import Catalogue
from shared.ai.money.attempt import Attempt
from shared.ai.money.ledger import Hold, Ledger, Replay, Settlement
from shared.ai.money.outcomes import Outcome
from shared.deadline import Deadline
from shared.settings import Settings
from shared.supabase.database import Database, DatabaseRefused
from tests.plain_task import PlainTask
from tests.shared.clock import HandClock
from tests.wire import Wire, answer, lose_request, wire_before

ID = UUID("5f0c8a10-0000-4000-8000-00000000000a")
NOWHERE = "http://127.0.0.1:9"
SECRET = "sb_secret_of_the_service"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Yield a server in the place of the Supabase API, with nothing behind it."""
    async with wire_before(NOWHERE) as between:
        yield between


@pytest.fixture
async def database(wire: Wire) -> AsyncIterator[Database]:
    """Yield the database behind the wire."""
    settings = Settings.from_env(
        {
            "SUPABASE_URL": wire.url,
            "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_of_everyone",
            "SUPABASE_SECRET_KEY": SECRET,
            "OPENAI_API_KEY": "sk-none",
        }
    )
    async with httpx.AsyncClient() as http:
        yield Database(settings, http)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """Return the ledger, whose database is the wire."""
    return Ledger(database)


@pytest.fixture
def ledger_in_shadow(database: Database) -> Ledger:
    """Return the ledger of a function that answers copies of calls."""
    return Ledger(database, shadow=True)


@pytest.fixture
def deadline() -> Deadline:
    """Return a deadline of 20.2 seconds on a clock that does not move."""
    return Deadline.starting(20.2, clock=HandClock())


def let_answer(wire: Wire, function: str, body: dict[str, Any]) -> None:
    """Let the function return this to its next call."""
    wire.meet(function, answer(200, json.dumps(body).encode()))


def sent(wire: Wire) -> dict[str, Any]:
    """Return the arguments of the one call, made with the secret key."""
    (seen,) = wire.seen
    assert (seen.method, seen.apikey) == ("POST", SECRET)
    arguments: dict[str, Any] = json.loads(seen.body)
    return arguments


RESERVED = {
    "outcome": "reserved",
    "request_id": str(ID),
    "provider": "openai",
    "model": "gpt-4o-mini",
    "model_class": "standard",
    "downgrade_reason": "energy",
    "class_energy": {"premium": 10, "standard": 3},
    "energy_held": 3,
    "energy_available": 4,
    "tier": "pro",
    "config_version": 7,
}


async def test_a_reservation_outlives_its_function_and_gives_the_hold(
    ledger: Ledger, wire: Wire, deadline: Deadline
) -> None:
    """20.2 seconds are 21 whole ones, plus 15; every field of the answer is in its place."""
    let_answer(wire, "ai_reserve", RESERVED)
    hold = await ledger.reserve({"action": "ai_message", "units": 2}, PlainTask(), deadline)
    arguments = sent(wire)
    assert list(arguments) == ["p_request"]
    assert json.loads(arguments["p_request"]) == {"action": "ai_message", "units": 2, "hold_seconds": 36}
    assert hold == Hold(
        ID, "openai", "gpt-4o-mini", "standard", "energy", {"premium": 10, "standard": 3}, 3, 4, "pro", 7
    )


async def test_a_ledger_in_shadow_marks_its_reservations(
    wire: Wire, ledger_in_shadow: Ledger, deadline: Deadline
) -> None:
    """The mark is what the database tells a copied call by."""
    let_answer(wire, "ai_reserve", RESERVED)
    await ledger_in_shadow.reserve({"action": "ai_message"}, PlainTask(), deadline)
    assert json.loads(sent(wire)["p_request"]) == {"action": "ai_message", "shadow": True, "hold_seconds": 36}


async def test_a_replay_gives_the_stored_reply(ledger: Ledger, wire: Wire, deadline: Deadline) -> None:
    """The stored reply is returned complete, with its status and its model."""
    body = {
        "outcome": "replayed",
        "request_id": str(ID),
        "reply": {"success": True, "message": "Kumusta"},
        "reply_status": 200,
        "model": "gpt-4o",
    }
    let_answer(wire, "ai_reserve", body)
    assert await ledger.reserve({}, PlainTask(), deadline) == Replay(
        ID, {"success": True, "message": "Kumusta"}, 200, "gpt-4o"
    )


ENERGY = {"requiresEnergy": True, "requiredEnergy": 10, "currentEnergy": 5}
COINS = {"requiresCoins": True, "requiredCoins": 20, "currentCoins": 1}

# Answer -> class, message, seconds to wait, further fields.
REFUSALS: list[tuple[dict[str, Any], type[errors.NexscoutError], str, int | None, dict[str, Any]]] = [
    (
        {"outcome": "insufficient_energy", "required_energy": 10, "energy_available": 5},
        errors.InsufficientEnergy, "Insufficient energy. Required: 10, Available: 5", None, ENERGY,
    ),
    (
        {"outcome": "insufficient_coins", "required_coins": 20, "coins_available": 1},
        errors.InsufficientCoins, "Insufficient coins. Required: 20, Available: 1", None, COINS,
    ),
    ({"outcome": "upgrade_required"}, errors.UpgradeRequired, "This is not included in your plan.", None, {}),
    (
        {"outcome": "spend_cap_reached"},
        errors.SpendCapReached, "The spending limit of this workspace has been reached.", None, {},
    ),
    (
        {"outcome": "visitor_cap_reached"},
        errors.SpendCapReached, "The spending limit of this workspace has been reached.", None, {},
    ),
    (
        {"outcome": "rate_limited", "retry_after_seconds": 7},
        errors.RateLimited, "Too many requests. Please wait a moment.", 7, {},
    ),
    (
        {"outcome": "idempotency_conflict"}, errors.IdempotencyConflict,
        "This idempotency key was already used for a different request.", None, {},
    ),
    (
        {"outcome": "in_progress", "retry_after_seconds": 2},
        errors.RequestInProgress, "The same request is still being worked on.", 2, {},
    ),
    ({"outcome": "unknown_account"}, errors.Unauthorized, "Unauthorized", None, {}),
    ({"outcome": "unknown_action"}, errors.UnknownAction, "Unknown action.", None, {}),
    ({"outcome": "session_not_found"}, errors.SessionNotFound, "Session not found", None, {}),
    ({"outcome": "chatbot_not_found"}, errors.ChatbotNotFound, "Chatbot not found", None, {}),
    ({"outcome": "conversation_not_found"}, errors.ConversationNotFound, "Conversation not found", None, {}),
    *(
        (
            {"outcome": outcome}, errors.InternalError,
            "Something went wrong on our side. Please try again.", None, dict[str, Any](),
        )
        for outcome in (
            "noted", "settled", "released", "expired", "already_settled", "already_released", "unknown_request",
            "accepted", "queued", "running", "done", "failed", "stored", "already_stored", "blocks_open",
            "lease_lost", "scan_not_found",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "sentence", "wait", "extra"), REFUSALS)
async def test_every_other_answer_of_a_reservation_is_its_error(
    ledger: Ledger, wire: Wire, deadline: Deadline,
    body: dict[str, Any], kind: type[errors.NexscoutError], sentence: str, wait: int | None, extra: dict[str, Any],
) -> None:  # fmt: skip
    """Class, message, waiting time and the fields of older clients follow the contract."""
    let_answer(wire, "ai_reserve", body)
    with pytest.raises(errors.NexscoutError) as caught:
        await ledger.reserve({}, PlainTask(), deadline)
    error = caught.value
    assert (type(error), error.message, error.retry_after_seconds, error.extra) == (
        kind,
        sentence,
        wait,
        extra,
    )


class PageTask(PlainTask):
    """A task that reserves through its own function, and keeps the function's result."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Mapping[str, Any]] = []

    def reserve_function(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Return the function and its arguments."""
        return "page_open", {"p_page": "demo", "p_request": reservation}

    def reserved(self, answer: Mapping[str, Any]) -> None:
        """Keep the result."""
        self.answers.append(answer)


@pytest.mark.parametrize("body", [RESERVED, {"outcome": "insufficient_energy", "required_energy": 10,
                                             "energy_available": 5}], ids=["admitted", "refused"])  # fmt: skip
async def test_a_task_reserves_through_its_own_function_and_gets_the_answer(
    ledger: Ledger, wire: Wire, deadline: Deadline, body: dict[str, Any]
) -> None:
    """The function gets its own arguments and the reservation, with the hold's life: 20.2 s rounded up plus 15."""
    let_answer(wire, "page_open", body)
    task = PageTask()
    with suppress(errors.InsufficientEnergy):
        await ledger.reserve({"action": "ai_message"}, task, deadline)
    arguments = sent(wire)
    assert (arguments["p_page"], json.loads(arguments["p_request"])) == (
        "demo",
        {"action": "ai_message", "hold_seconds": 36},
    )
    assert task.answers == [body]


def test_the_table_holds_every_outcome() -> None:
    """A new outcome needs a line above."""
    assert {body["outcome"] for body, *_ in REFUSALS} == set(Outcome) - {Outcome.RESERVED, Outcome.REPLAYED}


ATTEMPT = Attempt(2, Catalogue.load().get("gpt-4o-mini"), Decimal("0.0123"))


async def test_a_further_attempt_is_noted_with_its_bound(
    ledger: Ledger, wire: Wire, deadline: Deadline
) -> None:
    """Its number, its model and its bound are sent; the bound as text, never as a float."""
    let_answer(wire, "ai_note_attempt", {"outcome": "noted"})
    await ledger.note_attempt(ID, ATTEMPT, deadline)
    assert sent(wire) == {
        "p_request_id": str(ID),
        "p_ordinal": 2,
        "p_provider": "openai",
        "p_model": "gpt-4o-mini",
        "p_cost_bound_usd": "0.0123",
    }


@pytest.mark.parametrize(
    "outcome", ["expired", "already_settled", "already_released", "unknown_request", "settled"]
)
async def test_an_attempt_that_was_not_noted_is_not_made(
    ledger: Ledger, wire: Wire, deadline: Deadline, outcome: str
) -> None:
    """Without an open hold, for any reason, nothing more is sent."""
    let_answer(wire, "ai_note_attempt", {"outcome": outcome})
    with pytest.raises(errors.DeadlineExceeded):
        await ledger.note_attempt(ID, ATTEMPT, deadline)


ENDED = [
    Outcome.SETTLED,
    Outcome.RELEASED,
    Outcome.EXPIRED,
    Outcome.ALREADY_SETTLED,
    Outcome.ALREADY_RELEASED,
]


@pytest.mark.parametrize("outcome", ENDED)
@pytest.mark.parametrize("way", ["settle", "release"])
async def test_an_end_is_returned_as_it_was_recorded(
    ledger: Ledger, wire: Wire, deadline: Deadline, way: str, outcome: Outcome
) -> None:
    """A repeat returns how the first one ended, with the charge and the remaining energy."""
    body = {"outcome": outcome, "energy_charged": 3, "energy_available": 4, "storage_error": "23503"}
    let_answer(wire, f"ai_{way}", body)
    end = await getattr(ledger, way)(ID, {"attempts": []}, deadline)
    assert end == Settlement(outcome, 3, 4, "23503")
    arguments = sent(wire)
    assert arguments == {"p_request_id": str(ID), "p_result": '{"attempts": []}'}


async def test_an_end_without_a_storage_error_has_none(
    ledger: Ledger, wire: Wire, deadline: Deadline
) -> None:
    """The usual end has no storage error."""
    let_answer(wire, "ai_settle", {"outcome": "settled", "energy_charged": 10, "energy_available": 0})
    assert await ledger.settle(ID, {}, deadline) == Settlement(Outcome.SETTLED, 10, 0, None)


@pytest.mark.parametrize("way", ["settle", "release"])
async def test_the_end_of_a_deleted_request_charges_nothing(
    ledger: Ledger, wire: Wire, deadline: Deadline, way: str
) -> None:
    """If the account was deleted during the call, the answer has no figures."""
    let_answer(wire, f"ai_{way}", {"outcome": "unknown_request"})
    assert await getattr(ledger, way)(ID, {}, deadline) == Settlement(Outcome.UNKNOWN_REQUEST, 0, 0, None)


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_lost_answer_is_asked_for_again(
    ledger: Ledger, wire: Wire, deadline: Deadline, lost: int
) -> None:
    """The same call is sent again, word for word."""
    wire.meet("ai_reserve", *([lose_request] * lost))
    let_answer(wire, "ai_reserve", RESERVED)
    hold = await ledger.reserve({"action": "ai_message"}, PlainTask(), deadline)
    assert isinstance(hold, Hold)
    assert len(wire.seen) == lost + 1
    assert len({seen.body for seen in wire.seen}) == 1


async def test_the_third_loss_is_an_outage(ledger: Ledger, wire: Wire, deadline: Deadline) -> None:
    """Three requests are sent, and no fourth."""
    wire.meet("ai_reserve", *([lose_request] * 4))
    with pytest.raises(errors.ServiceUnavailable):
        await ledger.reserve({}, PlainTask(), deadline)
    assert len(wire.seen) == 3


async def test_an_error_of_our_own_is_not_asked_for_again(
    ledger: Ledger, wire: Wire, deadline: Deadline
) -> None:
    """A statement that would fail again is not repeated."""
    wire.meet("ai_settle", answer(400, b'{"code": "22023", "message": "no", "details": null, "hint": null}'))
    with pytest.raises(DatabaseRefused):
        await ledger.settle(ID, {}, deadline)
    assert len(wire.seen) == 1
