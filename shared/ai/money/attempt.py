"""Attempts as the ledger records them, and what follows a failed one."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from shared.ai.models.catalogue import Model
from shared.ai.models.cost import cost_usd
from shared.ai.models.usage import Usage
from shared.ai.provider.exchange import FailureKind, ProviderFailure, ProviderReply

MAX_BACKOFF_SECONDS = 8.0


@dataclass(slots=True)
class Attempt:
    """One request to a provider: noted with its upper bound in USD, then completed with its result."""

    ordinal: int
    model: Model
    cost_bound_usd: Decimal
    state: str = "intended"
    usage: Usage | None = None
    cost_usd: Decimal = Decimal(0)
    cost_estimated: bool = False
    cost_method: str | None = None
    http_status: int | None = None
    error_code: str | None = None
    provider_request_id: str | None = None
    latency_ms: int = 0

    def succeeded(self, reply: ProviderReply, on: date) -> None:
        """Record a reply."""
        self.state = "succeeded"
        self.http_status = 200
        self.provider_request_id = reply.provider_request_id
        self.latency_ms = reply.latency_ms
        self._bill(reply.usage, on)

    def failed(self, failure: ProviderFailure, on: date) -> None:
        """Record a failure, with the cost that the provider may bill for it."""
        self.state = "failed"
        self.error_code = failure.kind.value
        self.http_status = failure.http_status
        self.provider_request_id = failure.provider_request_id
        self.latency_ms = failure.latency_ms
        if failure.billing == "not_billed":
            self.cost_method = "not_billed"
        else:
            self._bill(failure.usage, on)

    def malformed(self) -> None:
        """Mark a recorded reply, which stays billed, as one that cannot be delivered."""
        self.state = "failed"
        self.error_code = FailureKind.MALFORMED.value

    def refused(self) -> None:
        """Mark a recorded reply, which stays billed, as one that may not be shown."""
        self.state = "failed"
        self.error_code = FailureKind.REFUSED.value

    def interrupted(self, latency_ms: int) -> None:
        """Record a request that was aborted while it ran."""
        self.state = "failed"
        self.error_code = "interrupted"
        self.latency_ms = latency_ms
        self._bill_upper_bound()

    def _bill(self, usage: Usage | None, on: date) -> None:
        if usage is None:
            self._bill_upper_bound()
            return
        self.usage = usage
        self.cost_usd = cost_usd(self.model, usage, on)
        self.cost_method = "reported"

    def _bill_upper_bound(self) -> None:
        self.cost_usd = self.cost_bound_usd
        self.cost_estimated = True
        self.cost_method = "upper_bound"

    def record(self) -> dict[str, Any]:
        """Return the row for the money functions; USD as text, so that it never becomes a float."""
        usage = self.usage
        return {
            "ordinal": self.ordinal,
            "provider": self.model.provider,
            "model": self.model.name,
            "state": self.state,
            "tokens_prompt": 0 if usage is None else usage.prompt_tokens,
            "tokens_completion": 0 if usage is None else usage.completion_tokens,
            "tokens_cached": 0 if usage is None else usage.cached_tokens,
            "tokens_reasoning": 0 if usage is None else usage.reasoning_tokens,
            "cost_bound_usd": str(self.cost_bound_usd),
            "cost_usd": str(self.cost_usd),
            "cost_estimated": self.cost_estimated,
            "cost_method": self.cost_method,
            "http_status": self.http_status,
            "error_code": self.error_code,
            "provider_request_id": self.provider_request_id,
            "latency_ms": self.latency_ms,
        }


DOWN = frozenset({FailureKind.SERVER_ERROR, FailureKind.TIMEOUT, FailureKind.UNREACHABLE})
"""The failures that mean a model is down; all others are answers of a model that works."""


class Step(Enum):
    """What follows a failed attempt."""

    RETRY = "retry"
    NEXT_MODEL = "next_model"
    NEXT_PROVIDER = "next_provider"
    STOP = "stop"


def step_after(
    failure: ProviderFailure, retries_remaining: int, wait_seconds: float, remaining_seconds: float
) -> Step:
    """Return what follows a failure: decided by its kind, never by its text."""
    if failure.kind is FailureKind.REFUSED:
        return Step.STOP
    if failure.kind is FailureKind.CREDENTIALS:
        return Step.NEXT_PROVIDER
    if failure.kind in {FailureKind.REJECTED, FailureKind.CIRCUIT_OPEN}:
        return Step.NEXT_MODEL
    if retries_remaining <= 0:
        return Step.NEXT_MODEL
    if wait_seconds >= remaining_seconds:
        return Step.NEXT_MODEL
    return Step.RETRY


def wait_before_retry(failure: ProviderFailure, tries: int, base_seconds: float, jitter: float) -> float:
    """Return the seconds to wait: as the provider demands, else exponential backoff with jitter in [0, 1)."""
    if failure.retry_after_seconds is not None:
        return failure.retry_after_seconds
    backoff: float = min(MAX_BACKOFF_SECONDS, base_seconds * 2 ** (tries - 1))
    return backoff * (0.5 + jitter / 2)
