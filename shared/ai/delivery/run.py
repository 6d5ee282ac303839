"""The state of one admitted call, from its hold to its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.ai.call import Call
from shared.ai.models.catalogue import Model
from shared.ai.models.usage import Usage
from shared.ai.money.attempt import Attempt
from shared.ai.money.ledger import Hold
from shared.ai.task import Structure, Task
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.supabase.configuration import Loaded


@dataclass(slots=True)
class Ordinals:
    """Numbers the attempts of a call; number 1 is the attempt at the reserved model that the reservation noted."""

    taken: int = 0

    def take(self, *, reserved: bool) -> int:
        """Return the number of the next attempt."""
        if self.taken == 0 and not reserved:
            self.taken = 1
        self.taken += 1
        return self.taken


@dataclass(slots=True)
class Run:
    """One call under its hold: its models in order, the deadline of its work, and its attempts so far.

    `structure` is what the answer must match: the structure of the task, or of one part.
    """

    call: Call
    context: RequestContext
    hold: Hold
    models: Sequence[Model]
    requested_model: str
    deadline: Deadline
    structure: Structure | None
    attempts: list[Attempt] = field(default_factory=list)
    ordinals: Ordinals = field(default_factory=Ordinals)
    repaired: bool = False
    loaded: Loaded | None = None

    @property
    def task(self) -> Task:
        """Return the call's task."""
        return self.call.task

    def next_ordinal(self, model: Model) -> int:
        """Return the number of an attempt that is about to be noted; no number is used twice."""
        return self.ordinals.take(reserved=model.name == self.hold.model)

    def usage(self) -> Usage:
        """Return the sum of tokens over all attempts whose usage is known."""
        known = [attempt.usage for attempt in self.attempts if attempt.usage is not None]
        return Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in known),
            completion_tokens=sum(usage.completion_tokens for usage in known),
            cached_tokens=sum(usage.cached_tokens for usage in known),
            reasoning_tokens=sum(usage.reasoning_tokens for usage in known),
            cache_write_tokens=sum(usage.cache_write_tokens for usage in known),
        )

    def cost_usd(self) -> Decimal:
        """Return the cost of all attempts in USD."""
        return sum((attempt.cost_usd for attempt in self.attempts), Decimal(0))

    def provider_ms(self) -> int:
        """Return the milliseconds spent waiting for providers; simultaneous requests count once."""
        return round(self.context.timings_ms.get("provider", 0.0))

    def parts(self) -> int:
        """Return the number of simultaneous requests that write the result."""
        return max(len(self.task.parts), 1)

    def retries(self) -> int:
        """Return the number of attempts beyond the one per part that a call without a failure takes."""
        return max(len(self.attempts) - self.parts(), 0)

    def served_by(self) -> Model:
        """Return the model that delivered, the cheapest of several; else the last one tried, else the first choice."""
        if not self.attempts:
            return self.models[0]
        delivered = [attempt.model for attempt in self.attempts if attempt.state == "succeeded"]
        return min(delivered, key=self._energy, default=self.attempts[-1].model)

    def _energy(self, model: Model) -> int:
        return self.hold.class_energy.get(model.model_class, 0)

    def fell_back(self) -> bool:
        """Return whether another model than the reserved one served."""
        return self.served_by().name != self.hold.model

    def downgrade_reason(self) -> str | None:
        """Return why another model than the requested one served, or None.

        tier, energy, charge_group, visitor_day: the reservation decided so.
        capability, fallback: the preferred model cannot serve the task, or the reserved one failed.
        """
        if self.hold.downgrade_reason is not None:
            return self.hold.downgrade_reason
        if self.requested_model != self.hold.model:
            return "capability"
        return "fallback" if self.fell_back() else None
