"""The exceptions: one class for each stable code of the HTTP contract.

Raised anywhere, and turned into a reply in one place, `shared/http/app.py`.
A message is a sentence for a person: it contains no internals, no stack trace and no text of a provider.
"""
# ruff: noqa: N818  # a name says what happened, as the contract's codes do; only the root is an "Error"

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NotRequired, TypedDict


class FieldError(TypedDict):
    """One field of a request that is missing or invalid, and its allowed values."""

    field: str
    message: str
    allowed: NotRequired[Sequence[str]]


class NexscoutError(Exception):
    """The base of all errors that end a request.

    `message` is the sentence that the client shows, `details` is a JSON value or None,
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


class RetryLater(NexscoutError):
    """A refusal that ends by itself: it always says after how many seconds to retry."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: int) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)


class InvalidRequest(NexscoutError):
    """The body is not JSON, or a field is missing or invalid; `details` is a list of `FieldError`."""

    status = 400
    code = "invalid_request"
    sentence = "The request is not valid."

    def __init__(self, message: str | None = None, *, details: Sequence[FieldError] = ()) -> None:
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
    """The requested model is not in the catalogue."""

    status = 400
    code = "unknown_model"
    sentence = "Unknown model."


class UnknownPrice(NexscoutError):
    """The model has no price: the call is refused before anything is sent."""

    status = 400
    code = "unknown_price"
    sentence = "The price of this model is not known, so it cannot be used."


class Unauthorized(NexscoutError):
    """The token or key is missing or invalid."""

    status = 401
    code = "unauthorized"
    sentence = "Unauthorized"


class InsufficientEnergy(NexscoutError):
    """The balance is too low for the call; older clients read the three extra fields."""

    status = 402
    code = "insufficient_energy"

    def __init__(self, *, required: int, available: int) -> None:
        super().__init__(
            f"Insufficient energy. Required: {required}, Available: {available}",
            extra={"requiresEnergy": True, "requiredEnergy": required, "currentEnergy": available},
        )


class InsufficientCoins(NexscoutError):
    """The balance of coins is too low for the action."""

    status = 402
    code = "insufficient_coins"

    def __init__(self, *, required: int, available: int) -> None:
        super().__init__(
            f"Insufficient coins. Required: {required}, Available: {available}",
            extra={"requiresCoins": True, "requiredCoins": required, "currentCoins": available},
        )


class SpendCapReached(NexscoutError):
    """A period's cap on USD or energy is used up; it reopens with the next period."""

    status = 402
    code = "spend_cap_reached"
    sentence = "The spending limit of this workspace has been reached."


class UpgradeRequired(NexscoutError):
    """The caller's tier does not include the request."""

    status = 403
    code = "upgrade_required"
    sentence = "This is not included in your plan."


class Forbidden(NexscoutError):
    """The caller is known but not allowed to do this."""

    status = 403
    code = "forbidden"
    sentence = "You are not allowed to do this."


class ProspectNotFound(NexscoutError):
    """The prospect does not exist or belongs to another user."""

    status = 404
    code = "prospect_not_found"
    sentence = "Prospect not found"


class SessionNotFound(NexscoutError):
    """The chat session does not exist or belongs to another workspace."""

    status = 404
    code = "session_not_found"
    sentence = "Session not found"


class ScanNotFound(NexscoutError):
    """The scan does not exist or belongs to another user."""

    status = 404
    code = "scan_not_found"
    sentence = "Scan not found"


class ChatbotNotFound(NexscoutError):
    """The chatbot does not exist or is inactive."""

    status = 404
    code = "chatbot_not_found"
    sentence = "Chatbot not found"


class ConversationNotFound(NexscoutError):
    """The conversation does not exist or belongs to another user."""

    status = 404
    code = "conversation_not_found"
    sentence = "Conversation not found"


class RequestNotFound(NexscoutError):
    """The queued request does not exist or belongs to another user."""

    status = 404
    code = "request_not_found"
    sentence = "Request not found"


class IdempotencyConflict(NexscoutError):
    """The idempotency key was used before with another body."""

    status = 409
    code = "idempotency_conflict"
    sentence = "This idempotency key was already used for a different request."


class RequestInProgress(RetryLater):
    """A request with the same idempotency key still runs."""

    status = 409
    code = "request_in_progress"
    sentence = "The same request is still being worked on."


class PayloadTooLarge(NexscoutError):
    """The body exceeds a limit; the message says which."""

    status = 413
    code = "payload_too_large"
    sentence = "The request is too large."


class ContentRefused(NexscoutError):
    """The provider or a filter refused the content."""

    status = 422
    code = "content_refused"
    sentence = "This content was refused. Please rephrase it."


class RateLimited(RetryLater):
    """The caller has made too many calls."""

    status = 429
    code = "rate_limited"
    sentence = "Too many requests. Please wait a moment."


class InternalError(NexscoutError):
    """An internal error that no other class describes."""


class ProviderError(NexscoutError):
    """All attempts at the provider failed."""

    status = 502
    code = "provider_error"
    sentence = "The AI service could not complete the request. Please try again."


class ProviderUnavailable(RetryLater):
    """The circuit is open, or the provider's rate limit ends after the deadline."""

    status = 503
    code = "provider_unavailable"
    sentence = "The AI service is busy. Please try again shortly."


class ServiceUnavailable(NexscoutError):
    """The database, the storage or the sign-in service does not answer."""

    status = 503
    code = "service_unavailable"
    sentence = "The service cannot be reached right now. Please try again shortly."


class ClientClosed(NexscoutError):
    """The client disconnected before anything was delivered; only the log and the ledger show it."""

    status = 499
    code = "client_closed"
    sentence = "The connection was closed."


class DeadlineExceeded(NexscoutError):
    """The deadline has passed."""

    status = 504
    code = "deadline_exceeded"
    sentence = "The request took too long and was stopped. Nothing was charged."
