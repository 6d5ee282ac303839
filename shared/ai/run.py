"""The moving parts of one admitted call, from its hold to its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.ai.attempts import Attempt
from shared.ai.call import AICall
from shared.ai.catalogue import Model
from shared.ai.usage import Usage
from shared.config_cache import Loaded
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.energy.ledger import Hold


@dataclass(slots=True)
class Run:
    """One call under its hold: the models it may use in order, the deadline of its work, and what it has sent."""

    call: AICall
    context: RequestContext
    hold: Hold
    models: Sequence[Model]
    requested_model: str
    until: Deadline
    attempts: list[Attempt] = field(default_factory=list)
    repaired: bool = False
    loaded: Loaded | None = None

    def next_ordinal(self, model: Model) -> int:
        """Give the number of the next attempt; 1 belongs to the reserved model, with which it was noted."""
        if not self.attempts:
            return 1 if model.name == self.hold.model else 2
        return self.attempts[-1].ordinal + 1

    def usage(self) -> Usage:
        """Give the tokens over all attempts whose usage is known."""
        known = [attempt.usage for attempt in self.attempts if attempt.usage is not None]
        return Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in known),
            completion_tokens=sum(usage.completion_tokens for usage in known),
            cached_tokens=sum(usage.cached_tokens for usage in known),
            reasoning_tokens=sum(usage.reasoning_tokens for usage in known),
            cache_write_tokens=sum(usage.cache_write_tokens for usage in known),
        )

    def cost_usd(self) -> Decimal:
        """Give the USD over all attempts."""
        return sum((attempt.cost_usd for attempt in self.attempts), Decimal(0))

    def provider_ms(self) -> int:
        """Give the time spent waiting for providers."""
        return sum(attempt.latency_ms for attempt in self.attempts)

    def served_by(self) -> Model:
        """Give the model of the last attempt, or the chosen one where none was made."""
        return self.attempts[-1].model if self.attempts else self.models[0]

    def fell_back(self) -> bool:
        """Tell whether another model than the reserved one was asked last."""
        return self.served_by().name != self.hold.model

    def downgrade_reason(self) -> str | None:
        """Tell why another model than the one asked for served: tier, energy, charge_group, capability, fallback."""
        if self.hold.downgrade_reason is not None:
            return self.hold.downgrade_reason
        if self.requested_model != self.hold.model:
            return "capability"
        return "fallback" if self.fell_back() else None
