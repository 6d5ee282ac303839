"""Everything that the simulated provider stores between requests."""

from dataclasses import dataclass, field

from local.provider.cache import PromptCache
from local.provider.faults import FaultQueue
from local.provider.journal import Journal


@dataclass(frozen=True)
class State:
    """The requests, the faults, and the prompts seen before."""

    journal: Journal = field(default_factory=Journal)
    faults: FaultQueue = field(default_factory=FaultQueue)
    prompt_cache: PromptCache = field(default_factory=PromptCache)

    def clear(self) -> None:
        """Forget everything."""
        self.journal.clear()
        self.faults.clear()
        self.prompt_cache.clear()
