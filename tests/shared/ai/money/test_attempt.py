"""What follows a failed attempt, how long the wait is, and what the ledger records."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.ai.models.catalogue import Catalogue
from shared.ai.models.cost import upper_bound_usd
from shared.ai.models.prices import Price
from shared.ai.models.usage import Usage
from shared.ai.money.attempt import Attempt, Step, step_after, wait_before_retry
from shared.ai.provider.exchange import FailureKind, ProviderFailure, ProviderReply

GPT_4O = Catalogue.load().get("gpt-4o")
TODAY = date(2026, 11, 22)
K = FailureKind

# Kind, remaining retries, wait, remaining seconds -> what follows.
DECISIONS: list[tuple[FailureKind, int, float, float, Step]] = [
    (K.SERVER_ERROR, 1, 0.5, 10, Step.RETRY),
    (K.SERVER_ERROR, 0, 0.5, 10, Step.NEXT_MODEL),
    (K.SERVER_ERROR, -1, 0.5, 10, Step.NEXT_MODEL),
    (K.SERVER_ERROR, 1, 10, 10, Step.NEXT_MODEL),
    (K.SERVER_ERROR, 1, 9.9, 10, Step.RETRY),
    (K.SERVER_ERROR, 1, 0, 0, Step.NEXT_MODEL),
    (K.RATE_LIMITED, 2, 3, 10, Step.RETRY),
    (K.RATE_LIMITED, 2, 60, 10, Step.NEXT_MODEL),
    (K.TIMEOUT, 1, 0.5, 10, Step.RETRY),
    (K.UNREACHABLE, 1, 0.5, 10, Step.RETRY),
    (K.MALFORMED, 1, 0.5, 10, Step.RETRY),
    (K.REJECTED, 5, 0, 10, Step.NEXT_MODEL),
    (K.CIRCUIT_OPEN, 5, 0, 10, Step.NEXT_MODEL),
    (K.CREDENTIALS, 5, 0, 10, Step.NEXT_PROVIDER),
    (K.REFUSED, 5, 0, 10, Step.STOP),
]


@pytest.mark.parametrize(("kind", "retries_left", "wait", "remaining", "step"), DECISIONS)
def test_the_class_of_a_failure_decides_what_follows(
    kind: FailureKind, retries_left: int, wait: float, remaining: float, step: Step
) -> None:
    """Each decision depends only on the kind of failure, never on the provider's text."""
    failure = ProviderFailure(kind, "not_billed")
    assert step_after(failure, retries_left, wait, remaining) is step


def test_every_kind_of_failure_has_a_decision() -> None:
    """A new kind of failure needs a line above."""
    assert {row[0] for row in DECISIONS} == set(FailureKind)


# Tries so far, base, jitter, Retry-After -> seconds.
WAITS: list[tuple[int, float, float, float | None, float]] = [
    (1, 0.5, 0.0, None, 0.25),
    (1, 0.5, 1.0, None, 0.5),
    (2, 0.5, 0.0, None, 0.5),
    (3, 0.5, 0.5, None, 1.5),
    (9, 0.5, 1.0, None, 8.0),
    (1, 0.0, 1.0, None, 0.0),
    (1, 0.5, 0.7, 3.5, 3.5),
    (5, 0.5, 0.7, 0.0, 0.0),
]


@pytest.mark.parametrize(("tries", "base", "jitter", "asked", "seconds"), WAITS)
def test_a_retry_waits_as_asked_or_backs_off(
    tries: int, base: float, jitter: float, asked: float | None, seconds: float
) -> None:
    """The wait is the doubled base, at most 8 s; the jitter decides its second half."""
    failure = ProviderFailure(K.SERVER_ERROR, "not_billed", retry_after_seconds=asked)
    assert wait_before_retry(failure, tries, base, jitter) == seconds


def fresh() -> Attempt:
    """Return an attempt that was noted with a bound of 5 cents."""
    return Attempt(1, GPT_4O, Decimal("0.05"))


USAGE = Usage(1000, 100)
"""At 2.50 and 10 USD per million: 0.0035 USD."""

# How it ended -> state, error, method, USD, estimated.
ENDS: list[tuple[str, str, str | None, str, str, bool]] = [
    ("delivered", "succeeded", None, "reported", "0.0035", False),
    ("delivered without usage", "succeeded", None, "upper_bound", "0.05", True),
    ("delivered and broken", "failed", "malformed", "reported", "0.0035", False),
    ("refused before work", "failed", "server_error", "not_billed", "0", False),
    ("refused with usage", "failed", "refused", "reported", "0.0035", False),
    ("fate unknown", "failed", "timeout", "upper_bound", "0.05", True),
    ("given up", "failed", "interrupted", "upper_bound", "0.05", True),
]


def ended(how: str) -> Attempt:
    """Return an attempt with this end."""
    attempt = fresh()
    match how:
        case "delivered":
            attempt.succeeded(ProviderReply("hi", "stop", USAGE, "req_1", 12), TODAY)
        case "delivered without usage":
            attempt.succeeded(ProviderReply("hi", "stop", None, "req_1", 12), TODAY)
        case "delivered and broken":
            attempt.succeeded(ProviderReply("hi", "stop", USAGE, "req_1", 12), TODAY)
            attempt.malformed()
        case "refused before work":
            attempt.failed(ProviderFailure(K.SERVER_ERROR, "not_billed", http_status=500), TODAY)
        case "refused with usage":
            attempt.failed(ProviderFailure(K.REFUSED, "reported", usage=USAGE), TODAY)
        case "fate unknown":
            attempt.failed(ProviderFailure(K.TIMEOUT, "unknown"), TODAY)
        case _:
            attempt.interrupted(40)
    return attempt


@pytest.mark.parametrize(("how", "state", "error", "method", "usd", "estimated"), ENDS)
def test_an_end_is_recorded_with_what_may_be_billed(
    how: str, state: str, error: str | None, method: str, usd: str, estimated: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Known usage is priced, unknown usage costs the upper bound, and what was never accepted costs nothing."""
    record = ended(how).record()
    assert (record["state"], record["error_code"], record["cost_method"]) == (state, error, method)
    assert (Decimal(record["cost_usd"]), record["cost_estimated"]) == (Decimal(usd), estimated)
    assert isinstance(record["cost_usd"], str)


def test_an_attempt_starts_as_intended() -> None:
    """The state in which the ledger notes it before it is sent is `intended`."""
    record = fresh().record()
    assert (record["state"], record["ordinal"], record["model"]) == ("intended", 1, "gpt-4o")
    assert (record["cost_bound_usd"], record["cost_usd"]) == ("0.05", "0")


def test_a_delivered_attempt_is_recorded_whole() -> None:
    """Every column of its row, with the tokens of each kind."""
    usage = Usage(1000, 100, cached_tokens=40, reasoning_tokens=30)
    attempt = fresh()
    attempt.succeeded(ProviderReply("hi", "stop", usage, "req_1", 12), TODAY)
    assert attempt.record() == {
        "ordinal": 1, "provider": "openai", "model": "gpt-4o", "state": "succeeded",
        "tokens_prompt": 1000, "tokens_completion": 100, "tokens_cached": 40, "tokens_reasoning": 30,
        # 960 at 2.50, 40 at 1.25 and 100 at 10 USD per million.
        "cost_bound_usd": "0.05", "cost_usd": "0.00345000", "cost_estimated": False, "cost_method": "reported",
        "http_status": 200, "error_code": None, "provider_request_id": "req_1", "latency_ms": 12,
    }  # fmt: skip


def test_a_failed_attempt_is_recorded_whole() -> None:
    """The status, the provider's id, the time it took and the usage that it told."""
    failure = ProviderFailure(
        K.REFUSED, "reported", http_status=400, provider_request_id="req_2", latency_ms=7, usage=USAGE
    )
    attempt = fresh()
    attempt.failed(failure, TODAY)
    record = attempt.record()
    assert (record["http_status"], record["provider_request_id"], record["latency_ms"]) == (400, "req_2", 7)
    assert (record["tokens_prompt"], record["tokens_completion"]) == (1000, 100)


def test_an_attempt_without_usage_has_no_tokens() -> None:
    """Zero of each kind, also where it was aborted; the time until then is kept."""
    attempt = fresh()
    attempt.interrupted(40)
    record = attempt.record()
    kinds = ("tokens_prompt", "tokens_completion", "tokens_cached", "tokens_reasoning")
    assert ([record[kind] for kind in kinds], record["latency_ms"]) == ([0, 0, 0, 0], 40)


def test_a_reply_that_may_not_be_shown_stays_billed() -> None:
    """It is a failure of the attempt, and its tokens cost what they cost."""
    attempt = fresh()
    attempt.succeeded(ProviderReply("hi", "stop", USAGE, "req_1", 12), TODAY)
    attempt.refused()
    record = attempt.record()
    assert (record["state"], record["error_code"], record["cost_usd"]) == ("failed", "refused", "0.00350000")


def test_an_attempt_costs_what_its_day_costs() -> None:
    """A model that becomes twice as dear on 1 December."""
    december = date(2026, 12, 1)
    (price,) = GPT_4O.prices
    dearer = tuple(
        replace(rates, input_per_mtok=rates.input_per_mtok * 2, output_per_mtok=rates.output_per_mtok * 2)
        for rates in price.tiers
    )
    model = replace(GPT_4O, prices=(price, Price(december, dearer)))
    costs = []
    for day in (TODAY, december):
        attempts = [Attempt(1, model, Decimal(1)), Attempt(1, model, Decimal(1))]
        attempts[0].succeeded(ProviderReply("hi", "stop", USAGE, None, 1), day)
        attempts[1].failed(ProviderFailure(K.REFUSED, "reported", usage=USAGE), day)
        costs += [attempt.cost_usd for attempt in attempts]
    assert costs == [Decimal("0.0035")] * 2 + [Decimal("0.007")] * 2
    assert upper_bound_usd(model, 1, 1) == 2 * upper_bound_usd(model, 1, 1, at=TODAY)
