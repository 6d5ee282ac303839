"""The queue of faults that a test has asked for: each is taken by the next request that it matches."""

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
    """One way to fail, and the requests it is for: those whose body contains `match`, `times` times."""

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
        """A fault from its JSON form. Raises ValueError naming the kind or field that is not known."""
        if raw.get("kind") not in KINDS:
            raise ValueError(f"kind {raw.get('kind')!r} is not one of {sorted(KINDS)}")
        for name, value in raw.items():
            if name not in _TYPES or (value is not None and type(value) not in _TYPES[name]):
                raise ValueError(f"a fault has no field {name!r} with a value like {value!r}")
        return cls(**raw)

    def matches(self, body: str) -> bool:
        """Whether this fault is meant for a request with this body."""
        return self.match is None or self.match in body


class FaultQueue:
    """Faults in the order in which they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []

    def __len__(self) -> int:
        return sum(left for _, left in self._waiting)

    def add(self, faults: list[Fault]) -> None:
        """Append faults behind those that wait."""
        self._waiting.extend((fault, fault.times) for fault in faults)

    def take(self, body: str, *, named: bool = False) -> Fault | None:
        """The first waiting fault for this body (`named`: that says so by a match), used up once, or None."""
        for index, (fault, left) in enumerate(self._waiting):
            if fault.matches(body) and (fault.match is not None or not named):
                self._waiting[index : index + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    def clear(self) -> None:
        """Forget every waiting fault."""
        self._waiting.clear()
