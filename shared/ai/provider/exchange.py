"""One exchange with a provider: the request, and its reply or a failure that says what may be billed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from shared.ai.models.catalogue import Model
from shared.ai.models.usage import Usage

Message = Mapping[str, Any]
"""One chat message in the wire format: role and content."""


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One complete request to a provider; `schema` demands a JSON object of that shape."""

    model: Model
    messages: Sequence[Message]
    max_output_tokens: int
    temperature: float | None
    schema_name: str | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ProviderReply:
    """What a provider delivered; `usage` is None if it reported none."""

    text: str
    finish_reason: str
    usage: Usage | None
    provider_request_id: str | None
    latency_ms: int


class FailureKind(StrEnum):
    """The kinds of failure that retries are decided by."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"
    REJECTED = "rejected"
    CREDENTIALS = "credentials"
    REFUSED = "refused"
    CIRCUIT_OPEN = "circuit_open"


Billing = Literal["not_billed", "reported", "unknown"]


class ProviderFailure(Exception):  # noqa: N818  # what happened, not a programming error
    """A failed attempt; `billing` says what the provider may charge. It carries no text of the provider."""

    def __init__(  # noqa: PLR0913  # what is known of a failure, each by name
        self,
        kind: FailureKind,
        billing: Billing,
        *,
        http_status: int | None = None,
        retry_after_seconds: float | None = None,
        usage: Usage | None = None,
        provider_request_id: str | None = None,
        latency_ms: int = 0,
    ) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.billing = billing
        self.http_status = http_status
        self.retry_after_seconds = retry_after_seconds
        self.usage = usage
        self.provider_request_id = provider_request_id
        self.latency_ms = latency_ms
