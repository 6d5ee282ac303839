"""The queue of faults that tests have added: the next request that matches a fault uses it."""

from dataclasses import dataclass
from typing import Any

KINDS = frozenset(
    {
        "status",
        "hang",
        "slow_first_token",
        "drip",
        "cut",
        "no_usage",
        "usage",
        "malformed",
        "empty_choices",
        "content_filter",
        "refusal",
        "length",
        "broken_schema",
        "chunks",
        "say",
        "reveal",
    }
)

_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "match": (str,),
    "times": (int,),
    "status": (int,),
    "code": (str,),
    "message": (str,),
    "retry_after": (int, float),
    "seconds": (int, float),
    "after_chunks": (int,),
    "count": (int,),
    "usage": (dict,),
}


@dataclass(frozen=True)
class Fault:
    """One simulated failure, and the requests it is for: those whose body contains `match`, `times` times."""

    kind: str
    match: str | None = None
    times: int = 1
    status: int = 500
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    seconds: float = 0.0
    after_chunks: int | None = None
    count: int | None = None
    usage: dict[str, Any] | None = None

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> "Fault":
        """Return a fault from its JSON form; raises ValueError with the kind or field that is unknown."""
        if raw.get("kind") not in KINDS:
            raise ValueError(f"kind {raw.get('kind')!r} is not one of {sorted(KINDS)}")
        for name, value in raw.items():
            if name not in _TYPES or (value is not None and type(value) not in _TYPES[name]):
                raise ValueError(f"a fault has no field {name!r} with a value like {value!r}")
        return cls(**raw)

    def matches(self, body: str) -> bool:
        """Return whether this fault is meant for a request with this body."""
        return self.match is None or self.match in body


class FaultQueue:
    """Faults in the order in which they were added."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []

    def __len__(self) -> int:
        return sum(remaining for _, remaining in self._waiting)

    def add(self, faults: list[Fault]) -> None:
        """Append faults to the queue."""
        self._waiting.extend((fault, fault.times) for fault in faults)

    def take(self, body: str, *, named: bool = False) -> Fault | None:
        """Return the first fault for this body and use it up once; None without one. `named`: it must have a match."""
        for index, (fault, remaining) in enumerate(self._waiting):
            if fault.matches(body) and (fault.match is not None or not named):
                self._waiting[index : index + 1] = [(fault, remaining - 1)] if remaining > 1 else []
                return fault
        return None

    def clear(self) -> None:
        """Remove all faults."""
        self._waiting.clear()
