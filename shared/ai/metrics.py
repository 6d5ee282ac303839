"""Counters of the orchestrator since this process started."""

from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

KEPT_LATENCIES = 1000
"""Percentiles are computed over this many of the newest latencies."""


@dataclass(slots=True)
class Metrics:
    """Counts of requests, tokens, USD, errors, cache hits and models, and the latencies."""

    requests: int = 0
    delivered: int = 0
    replayed: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    energy: int = 0
    attempts: int = 0
    config_cached: int = 0
    config_loads: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    providers: Counter[str] = field(default_factory=Counter)
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_LATENCIES))

    def configuration(self, *, cached: bool) -> None:
        """Count the use of a configuration."""
        self.config_loads += 1
        self.config_cached += cached

    def served(self, provider: str, model: str, energy: int, latency_ms: float) -> None:
        """Count a delivered call."""
        self.delivered += 1
        self.models[model] += 1
        self.providers[provider] += 1
        self.energy += energy
        self.latencies_ms.append(latency_ms)

    def sent(self, attempts: int, tokens: int, cost_usd: Decimal) -> None:
        """Count the attempts, tokens and USD of one call, delivered or not."""
        self.attempts += attempts
        self.tokens += tokens
        self.cost_usd += cost_usd

    def failed(self, code: str) -> None:
        """Count a call that ended in an error."""
        self.errors[code] += 1

    def snapshot(self) -> dict[str, Any]:
        """Return the counters as JSON values; a rate is 0 before anything was counted."""
        ended = self.delivered + self.replayed + self.errors.total()
        return {
            "requests": self.requests,
            "delivered": self.delivered,
            "replayed": self.replayed,
            "attempts": self.attempts,
            "tokens": self.tokens,
            "costUSD": str(self.cost_usd),
            "energy": self.energy,
            "errors": dict(self.errors),
            "errorRate": _ratio(self.errors.total(), ended),
            "configCacheHitRate": _ratio(self.config_cached, self.config_loads),
            "models": dict(self.models),
            "providers": dict(self.providers),
            "latencyMs": {f"p{percent}": self._percentile(percent) for percent in (50, 95, 99)},
        }

    def _percentile(self, percent: int) -> float:
        """Return the nearest-rank percentile of the newest latencies."""
        ordered = sorted(self.latencies_ms)
        if not ordered:
            return 0.0
        rank = max(1, -(-percent * len(ordered) // 100))
        return round(ordered[rank - 1], 1)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
