"""The exception tree: one class for each stable code of the HTTP contract.

Raised plain wherever something is wrong, and turned into a reply at one place, `shared/http/app.py`.
A message is a sentence for a person: no internals, no stack, no text of a provider ever goes in.
"""
# ruff: noqa: N818  # a name says what happened, as the contract's codes do; only the root is an "Error"

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NotRequired, TypedDict


class FieldFault(TypedDict):
    """One field of a request that is missing or wrong, and what it may be."""

    field: str
    message: str
    allowed: NotRequired[Sequence[str]]


class NexscoutError(Exception):
    """Anything that ends a request with other than a success.

    `message` is the sentence the client puts on the page, `details` is JSON-able or None,
    `retry_after_seconds` becomes the header `Retry-After`, `extra` holds more top-level fields of the body.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    sentence: ClassVar[str] = "Something went wrong on our side. Please try again."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: object = None,
        retry_after_seconds: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.message = self.sentence if message is None else message
        self.details = details
        self.retry_after_seconds = retry_after_seconds
        self.extra: dict[str, Any] = {} if extra is None else dict(extra)
        super().__init__(self.message)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the reply's JSON; `extra` adds fields and replaces none of the fixed ones."""
        return self.extra | {
            "success": False,
            "error": self.message,
            "code": self.code,
            "requestId": request_id,
            "details": self.details,
        }


class WaitingHelps(NexscoutError):
    """A refusal that passes by itself: it always tells after how many seconds to come back."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: int) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)


class InvalidRequest(NexscoutError):
    """The body is not JSON, or a field is missing or wrong; `details` is a list of `FieldFault`."""

    status = 400
    code = "invalid_request"
    sentence = "The request is not valid."

    def __init__(self, message: str | None = None, *, details: Sequence[FieldFault] = ()) -> None:
        super().__init__(message, details=list(details))


class UnknownGenerationType(NexscoutError):
    """`generationType` is none of the content and message types."""

    status = 400
    code = "unknown_generation_type"
    sentence = "Unknown generation type."


class UnknownAction(NexscoutError):
    """`config.action` is none of the priced actions."""

    status = 400
    code = "unknown_action"
    sentence = "Unknown action."


class UnknownModel(NexscoutError):
    """The model asked for is not in the catalogue."""

    status = 400
    code = "unknown_model"
    sentence = "Unknown model."


class UnknownPrice(NexscoutError):
    """The model has no price: refused before anything is sent, never priced 0."""

    status = 400
    code = "unknown_price"
    sentence = "The price of this model is not known, so it cannot be used."


class Unauthorized(NexscoutError):
    """No token, or a bad one, where a caller must be known."""

    status = 401
    code = "unauthorized"
    sentence = "Unauthorized"


class InsufficientEnergy(NexscoutError):
    """The balance does not reach for the call; the older client reads the three extra fields."""

    status = 402
    code = "insufficient_energy"

    def __init__(self, *, required: int, available: int) -> None:
        super().__init__(
            f"Insufficient energy. Required: {required}, Available: {available}",
            extra={"requiresEnergy": True, "requiredEnergy": required, "currentEnergy": available},
        )


class InsufficientCoins(NexscoutError):
    """The action costs coins and the balance does not reach."""

    status = 402
    code = "insufficient_coins"

    def __init__(self, *, required: int, available: int) -> None:
        super().__init__(
            f"Insufficient coins. Required: {required}, Available: {available}",
            extra={"requiresCoins": True, "requiredCoins": required, "currentCoins": available},
        )


class SpendCapReached(NexscoutError):
    """A cap on USD or energy of a period is used up; the reset decides when it opens, not waiting."""

    status = 402
    code = "spend_cap_reached"
    sentence = "The spending limit of this workspace has been reached."


class UpgradeRequired(NexscoutError):
    """The caller's tier does not include what was asked."""

    status = 403
    code = "upgrade_required"
    sentence = "This is not included in your plan."


class Forbidden(NexscoutError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"
    sentence = "You are not allowed to do this."


class ProspectNotFound(NexscoutError):
    """No such prospect, or somebody else's."""

    status = 404
    code = "prospect_not_found"
    sentence = "Prospect not found"


class SessionNotFound(NexscoutError):
    """No such chat session, or one of another workspace."""

    status = 404
    code = "session_not_found"
    sentence = "Session not found"


class ScanNotFound(NexscoutError):
    """No such scan, or somebody else's."""

    status = 404
    code = "scan_not_found"
    sentence = "Scan not found"


class ChatbotNotFound(NexscoutError):
    """No such chatbot, or an inactive one."""

    status = 404
    code = "chatbot_not_found"
    sentence = "Chatbot not found"


class ConversationNotFound(NexscoutError):
    """No such conversation with the assistant, or somebody else's."""

    status = 404
    code = "conversation_not_found"
    sentence = "Conversation not found"


class RequestNotFound(NexscoutError):
    """No such queued request, or somebody else's."""

    status = 404
    code = "request_not_found"
    sentence = "Request not found"


class IdempotencyConflict(NexscoutError):
    """The idempotency key was used before with another body."""

    status = 409
    code = "idempotency_conflict"
    sentence = "This idempotency key was already used for a different request."


class RequestInProgress(WaitingHelps):
    """A twin with the same idempotency key still runs; waiting helps."""

    status = 409
    code = "request_in_progress"
    sentence = "The same request is still being worked on."


class PayloadTooLarge(NexscoutError):
    """The body is over the limit of its shape; the message says which."""

    status = 413
    code = "payload_too_large"
    sentence = "The request is too large."


class ContentRefused(NexscoutError):
    """The provider or a guard refused the content."""

    status = 422
    code = "content_refused"
    sentence = "This content was refused. Please rephrase it."


class RateLimited(WaitingHelps):
    """The caller has made too many calls; waiting helps."""

    status = 429
    code = "rate_limited"
    sentence = "Too many requests. Please wait a moment."


class InternalError(NexscoutError):
    """A fault of our own that no other class describes."""


class ProviderError(NexscoutError):
    """All attempts at the provider failed."""

    status = 502
    code = "provider_error"
    sentence = "The AI service could not complete the request. Please try again."


class ProviderUnavailable(WaitingHelps):
    """The circuit is open, or the provider's rate limit is beyond the budget; waiting helps."""

    status = 503
    code = "provider_unavailable"
    sentence = "The AI service is busy. Please try again shortly."


class ServiceUnavailable(NexscoutError):
    """Our own database or sign-in service cannot be reached."""

    status = 503
    code = "service_unavailable"
    sentence = "The service cannot be reached right now. Please try again shortly."


class ClientClosed(NexscoutError):
    """The client went away before anything was delivered; nobody reads this, the log and the ledger do."""

    status = 499
    code = "client_closed"
    sentence = "The connection was closed."


class DeadlineExceeded(NexscoutError):
    """The function's own guard ended the call before the platform would have."""

    status = 504
    code = "deadline_exceeded"
    sentence = "The request took too long and was stopped. Nothing was charged."
