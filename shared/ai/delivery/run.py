"""The moving parts of one admitted call, from its hold to its end."""

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
    """Numbers the attempts of a call; 1 belongs to the reserved model, with which it was noted."""

    taken: int = 0

    def take(self, *, reserved: bool) -> int:
        """Return the next number for an attempt at the reserved model, or at another."""
        if self.taken == 0 and not reserved:
            self.taken = 1
        self.taken += 1
        return self.taken


@dataclass(slots=True)
class Run:
    """One call under its hold: the models it may use in order, the deadline of its work, and what it has sent.

    `structure` is what the model must hold to: the task's, or that of the part that a run is of.
    """

    call: Call
    context: RequestContext
    hold: Hold
    models: Sequence[Model]
    requested_model: str
    until: Deadline
    structure: Structure | None
    attempts: list[Attempt] = field(default_factory=list)
    ordinals: Ordinals = field(default_factory=Ordinals)
    repaired: bool = False
    loaded: Loaded | None = None

    @property
    def task(self) -> Task:
        """Return what is to be done."""
        return self.call.task

    def next_ordinal(self, model: Model) -> int:
        """Return the number of an attempt that is about to be noted; none is given twice."""
        return self.ordinals.take(reserved=model.name == self.hold.model)

    def usage(self) -> Usage:
        """Return the tokens over all attempts whose usage is known."""
        known = [attempt.usage for attempt in self.attempts if attempt.usage is not None]
        return Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in known),
            completion_tokens=sum(usage.completion_tokens for usage in known),
            cached_tokens=sum(usage.cached_tokens for usage in known),
            reasoning_tokens=sum(usage.reasoning_tokens for usage in known),
            cache_write_tokens=sum(usage.cache_write_tokens for usage in known),
        )

    def cost_usd(self) -> Decimal:
        """Return the USD over all attempts."""
        return sum((attempt.cost_usd for attempt in self.attempts), Decimal(0))

    def provider_ms(self) -> int:
        """Return the time spent waiting for providers; requests made at the same time count once."""
        return round(self.context.timings_ms.get("provider", 0.0))

    def parts(self) -> int:
        """Return in how many requests at once the result is written."""
        return max(len(self.task.parts), 1)

    def retries(self) -> int:
        """Return how many requests were sent beside those that a call without a failure takes."""
        return max(len(self.attempts) - self.parts(), 0)

    def served_by(self) -> Model:
        """Return the model that delivered, of several the least dear; else that of the last attempt, or the chosen."""
        if not self.attempts:
            return self.models[0]
        delivered = [attempt.model for attempt in self.attempts if attempt.state == "succeeded"]
        return min(delivered, key=self._energy, default=self.attempts[-1].model)

    def _energy(self, model: Model) -> int:
        return self.hold.class_energy.get(model.model_class, 0)

    def fell_back(self) -> bool:
        """Return whether another model than the reserved one was asked last."""
        return self.served_by().name != self.hold.model

    def downgrade_reason(self) -> str | None:
        """Tell why another model than the one asked for served.

        tier, energy, charge_group, visitor_day: as the reservation chose; capability, fallback: as the models are.
        """
        if self.hold.downgrade_reason is not None:
            return self.hold.downgrade_reason
        if self.requested_model != self.hold.model:
            return "capability"
        return "fallback" if self.fell_back() else None
