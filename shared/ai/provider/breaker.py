"""A circuit breaker per provider and model: after consecutive failures a model is not called for a while.

The state is this process's own: other processes notice a provider that is down soon enough.
"""

import math
from collections import defaultdict
from dataclasses import dataclass

from shared.ai.models.catalogue import Model
from shared.deadline import Clock


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    opens_until: float = 0.0
    probing: bool = False


class CircuitBreaker:
    """Closed at first, open after consecutive failures, then one probe at a time until one succeeds."""

    def __init__(self, clock: Clock, failures_to_open: int, open_seconds: float) -> None:
        self._clock = clock
        self._failures_to_open = failures_to_open
        self._open_seconds = open_seconds
        self._circuits: dict[tuple[str, str], _Circuit] = defaultdict(_Circuit)

    def admits(self, model: Model) -> bool:
        """Return whether a request may be sent; its outcome must then be reported by one of the next three methods."""
        circuit = self._circuit(model)
        if circuit.failures < self._failures_to_open:
            return True
        if circuit.probing or self._clock() < circuit.opens_until:
            return False
        circuit.probing = True
        return True

    def succeeded(self, model: Model) -> None:
        """Report a success: the circuit closes."""
        self._circuits[model.provider, model.name] = _Circuit()

    def failed(self, model: Model) -> None:
        """Report a failure that means the model is down; enough of them open the circuit."""
        circuit = self._circuit(model)
        circuit.failures += 1
        circuit.probing = False
        if circuit.failures >= self._failures_to_open:
            circuit.opens_until = self._clock() + self._open_seconds

    def undecided(self, model: Model) -> None:
        """Report an end that says nothing about the model: a refusal, or a cancelled call."""
        self._circuit(model).probing = False

    def seconds_until_probe(self, model: Model) -> int:
        """Return the seconds until the next probe may be sent, at least 1."""
        return max(1, math.ceil(self._circuit(model).opens_until - self._clock()))

    def _circuit(self, model: Model) -> _Circuit:
        return self._circuits[model.provider, model.name]
