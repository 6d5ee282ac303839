"""The money protocol in Python: calls of SQL functions and the meaning of their outcomes; no arithmetic."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.ai.money.outcomes import Outcome
from shared.ai.task import Task
from shared.deadline import Deadline
from shared.errors import (
    ChatbotNotFound,
    ConversationNotFound,
    DeadlineExceeded,
    IdempotencyConflict,
    InsufficientCoins,
    InsufficientEnergy,
    InternalError,
    NexscoutError,
    RateLimited,
    RequestInProgress,
    ServiceUnavailable,
    SessionNotFound,
    SpendCapReached,
    Unauthorized,
    UnknownAction,
    UpgradeRequired,
)
from shared.supabase.database import Database

if TYPE_CHECKING:
    from shared.ai.money.attempt import Attempt

HOLD_MARGIN_SECONDS = 15
"""How much longer a hold lives than the function that made it can run."""

MONEY_TRIES = 3
"""Tries of a money function whose answer was lost; the request id is its key, so a repeat has no second effect."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An admitted call: its model and what is held for it; `energy_available` is what remains beside all holds."""

    request_id: UUID
    provider: str
    model: str
    model_class: str
    downgrade_reason: str | None
    class_energy: Mapping[str, int]
    energy_held: int
    energy_available: int
    tier: str
    config_version: int


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored reply of an earlier call with the same idempotency key."""

    request_id: UUID
    body: dict[str, Any]
    status: int
    model: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a call ended in the ledger; `outcome` is SETTLED, RELEASED, EXPIRED or one of the ALREADY_ ones."""

    outcome: Outcome
    energy_charged: int
    energy_available: int
    storage_error: str | None


class Ledger:
    """Reserve, note, settle and release, with the service key; with `shadow` the rows are marked as a shadow's."""

    def __init__(self, database: Database, *, shadow: bool = False) -> None:
        self._database = database
        self._marks = {"shadow": True} if shadow else {}

    async def reserve(self, reservation: Mapping[str, Any], task: Task, deadline: Deadline) -> Hold | Replay:
        """Return a hold of what the call can cost, by the task's own database function, or an earlier reply.

        Raises:
            NexscoutError: the call is not admitted; the class belongs to the outcome.
        """
        request = {
            **reservation,
            **self._marks,
            "hold_seconds": math.ceil(deadline.remaining()) + HOLD_MARGIN_SECONDS,
        }
        function, arguments = task.reserve_function(json.dumps(request))
        answer = await self._call(function, arguments, deadline)
        task.reserved(answer)
        match Outcome(answer["outcome"]):
            case Outcome.RESERVED:
                return _hold(answer)
            case Outcome.REPLAYED:
                return Replay(
                    UUID(answer["request_id"]), answer["reply"], answer["reply_status"], answer["model"]
                )
            case outcome:
                raise _refusal(outcome, answer)

    async def note_attempt(self, request_id: UUID, attempt: "Attempt", deadline: Deadline) -> None:
        """Note a further attempt before it is sent.

        Raises:
            DeadlineExceeded: the hold has ended; no further attempt may be sent.
        """
        arguments = {
            "p_request_id": str(request_id),
            "p_ordinal": attempt.ordinal,
            "p_provider": attempt.model.provider,
            "p_model": attempt.model.name,
            "p_cost_bound_usd": str(attempt.cost_bound_usd),
        }
        answer = await self._call("ai_note_attempt", arguments, deadline)
        if Outcome(answer["outcome"]) is not Outcome.NOTED:
            raise DeadlineExceeded

    async def settle(self, request_id: UUID, result: Mapping[str, Any], deadline: Deadline) -> Settlement:
        """Charge a delivered call and record it; a repeat finds it settled and changes nothing."""
        return await self._resolve("ai_settle", request_id, result, deadline)

    async def release(self, request_id: UUID, result: Mapping[str, Any], deadline: Deadline) -> Settlement:
        """Release all that a call held, and record its attempts and its error."""
        return await self._resolve("ai_release", request_id, result, deadline)

    async def _resolve(
        self, function: str, request_id: UUID, result: Mapping[str, Any], deadline: Deadline
    ) -> Settlement:
        answer = await self._call(
            function, {"p_request_id": str(request_id), "p_result": json.dumps(result)}, deadline
        )
        outcome = Outcome(answer["outcome"])
        if outcome is Outcome.UNKNOWN_REQUEST:
            # The account was deleted while the call ran, and its requests with it.
            return Settlement(outcome, 0, 0, None)
        return Settlement(
            outcome,
            answer["energy_charged"],
            answer["energy_available"],
            answer.get("storage_error"),
        )

    async def _call(self, function: str, arguments: Mapping[str, Any], deadline: Deadline) -> Any:  # noqa: ANN401
        connection = self._database.as_service()
        for _ in range(MONEY_TRIES - 1):
            with suppress(ServiceUnavailable):
                return await connection.rpc(function, arguments, deadline)
        return await connection.rpc(function, arguments, deadline)


def _hold(answer: Mapping[str, Any]) -> Hold:
    return Hold(
        request_id=UUID(answer["request_id"]),
        provider=answer["provider"],
        model=answer["model"],
        model_class=answer["model_class"],
        downgrade_reason=answer["downgrade_reason"],
        class_energy=answer["class_energy"],
        energy_held=answer["energy_held"],
        energy_available=answer["energy_available"],
        tier=answer["tier"],
        config_version=answer["config_version"],
    )


_PLAIN_REFUSALS: Mapping[Outcome, type[NexscoutError]] = {
    Outcome.UPGRADE_REQUIRED: UpgradeRequired,
    Outcome.SPEND_CAP_REACHED: SpendCapReached,
    Outcome.VISITOR_CAP_REACHED: SpendCapReached,
    Outcome.IDEMPOTENCY_CONFLICT: IdempotencyConflict,
    Outcome.UNKNOWN_ACCOUNT: Unauthorized,
    Outcome.UNKNOWN_ACTION: UnknownAction,
    Outcome.SESSION_NOT_FOUND: SessionNotFound,
    Outcome.CHATBOT_NOT_FOUND: ChatbotNotFound,
    Outcome.CONVERSATION_NOT_FOUND: ConversationNotFound,
}


def _refusal(outcome: Outcome, answer: Mapping[str, Any]) -> NexscoutError:
    """Return the caller's error for an outcome of a reservation; any other outcome is an internal error."""
    match outcome:
        case Outcome.INSUFFICIENT_ENERGY:
            return InsufficientEnergy(
                required=answer["required_energy"], available=answer["energy_available"]
            )
        case Outcome.INSUFFICIENT_COINS:
            return InsufficientCoins(required=answer["required_coins"], available=answer["coins_available"])
        case Outcome.RATE_LIMITED:
            return RateLimited(retry_after_seconds=answer["retry_after_seconds"])
        case Outcome.IN_PROGRESS:
            return RequestInProgress(retry_after_seconds=answer["retry_after_seconds"])
    return _PLAIN_REFUSALS.get(outcome, InternalError)()
