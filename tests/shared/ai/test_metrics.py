"""The counters of a process, calculated by hand."""

import json
from decimal import Decimal

import pytest

from shared.ai.metrics import KEPT_LATENCIES, Metrics

# Latencies -> the nearest-rank percentiles 50, 95 and 99.
PERCENTILES: list[tuple[list[float], tuple[float, float, float]]] = [
    ([], (0, 0, 0)),
    ([7.0], (7, 7, 7)),
    ([3.0, 1.0, 2.0], (2, 3, 3)),
    ([float(n) for n in range(1, 101)], (50, 95, 99)),
    ([float(n) for n in range(1, 21)], (10, 19, 20)),
    ([1.0] * 99 + [100.0], (1, 1, 1)),
    ([1.0] * 98 + [100.0] * 2, (1, 1, 100)),
    ([0.04, 0.06], (0.0, 0.1, 0.1)),
]


@pytest.mark.parametrize(("latencies", "expected"), PERCENTILES)
def test_percentiles_are_latencies_that_were_seen(
    latencies: list[float], expected: tuple[float, float, float]
) -> None:
    """Percentiles are by nearest rank, in milliseconds with one decimal."""
    metrics = Metrics()
    for latency in latencies:
        metrics.served("openai", "gpt-4o", 10, latency)
    snapshot = metrics.snapshot()["latencyMs"]
    assert (snapshot["p50"], snapshot["p95"], snapshot["p99"]) == expected


def test_only_the_newest_latencies_count() -> None:
    """A process that runs for days keeps a bounded number."""
    metrics = Metrics()
    for latency in [9_000.0] * 10 + [1.0] * KEPT_LATENCIES:
        metrics.served("openai", "gpt-4o", 1, latency)
    assert metrics.snapshot()["latencyMs"] == {"p50": 1.0, "p95": 1.0, "p99": 1.0}


def test_nothing_counted_gives_zeros() -> None:
    """Without calls nothing is divided by zero, and the figures are JSON."""
    snapshot = Metrics().snapshot()
    assert (snapshot["errorRate"], snapshot["configCacheHitRate"], snapshot["costUSD"]) == (0.0, 0.0, "0")
    json.dumps(snapshot)


def test_rates_are_over_what_ended() -> None:
    """One error beside two deliveries and a replay is a quarter; costs are summed without rounding."""
    metrics = Metrics()
    metrics.served("openai", "gpt-4o", 10, 5)
    metrics.served("anthropic", "claude-haiku-4-5", 3, 5)
    metrics.replayed += 1
    metrics.failed("provider_error")
    metrics.configuration(cached=True)
    metrics.configuration(cached=False)
    for _ in range(10):
        metrics.sent(1, 7, Decimal("0.1"))
    snapshot = metrics.snapshot()
    assert (snapshot["errorRate"], snapshot["configCacheHitRate"], snapshot["energy"]) == (0.25, 0.5, 13)
    assert (snapshot["costUSD"], snapshot["tokens"], snapshot["attempts"]) == ("1.0", 70, 10)
    assert snapshot["providers"] == {"openai": 1, "anthropic": 1}
