"""Everything that the simulated provider remembers between requests."""

from dataclasses import dataclass, field

from local.provider.cache import PromptCache
from local.provider.faults import FaultQueue
from local.provider.journal import Journal


@dataclass(frozen=True)
class State:
    """What arrived, what shall fail, and which prompts were seen."""

    journal: Journal = field(default_factory=Journal)
    faults: FaultQueue = field(default_factory=FaultQueue)
    prompt_cache: PromptCache = field(default_factory=PromptCache)

    def clear(self) -> None:
        """Begin anew."""
        self.journal.clear()
        self.faults.clear()
        self.prompt_cache.clear()
