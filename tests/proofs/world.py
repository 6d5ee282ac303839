"""The network between a function and everything else: messages can be late, lost or unanswered, by a seed."""

import asyncio
import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

Event = Callable[[], None]

SETTLE_DOWN = 400
"""Steps after which a schedule has no more failures, so that each one ends."""


@dataclass
class Process:
    """One worker; a dead one neither sends nor receives, whatever its code still tries."""

    number: int
    dead: bool = False
    calls: list[Any] = field(default_factory=list)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)


ORIGIN: ContextVar[Process] = ContextVar("ORIGIN")
"""The worker that the running code belongs to."""


@dataclass(eq=False)
class Message:
    """One exchange: first to the other side, which acts when it arrives, then back with the outcome."""

    origin: Process
    act: Callable[[], Any]
    lost: Callable[[], Exception]
    broken: Callable[[], Exception]
    outcome_future: asyncio.Future[Any]
    arrived: bool = False
    outcome: Any = None


class World:
    """Decides by a seed what happens next, whenever every task waits.

    `fault_rate` is the chance that a message is lost or late, `event_rate` that an event happens in place of a step;
    `events` happen once each. In a `reliable` world no message is lost or late.
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self.fault_rate = self.dice.choice([0.0, 0.03, 0.1, 0.25])
        self.event_rate = self.dice.choice([0.02, 0.1, 0.3])
        self.reliable = self.fault_rate == 0
        self.events: list[Event] = []
        self.steps = 0
        self._messages: list[Message] = []

    async def send(
        self, act: Callable[[], Any], lost: Callable[[], Exception], broken: Callable[[], Exception]
    ) -> Any:  # noqa: ANN401  # whatever `act` gives
        """Return what `act` returned when the message has arrived; raises `lost`, or `broken` if its reply was lost."""
        origin = ORIGIN.get()
        if origin.dead:
            raise lost()
        outcome_future = asyncio.get_running_loop().create_future()
        message = Message(origin, act, lost, broken, outcome_future)
        self._messages.append(message)
        return await outcome_future

    def idle(self, seconds_to_timer: float | None) -> float:
        """Do one thing; return the seconds that pass."""
        self.steps += 1
        calm = self.reliable or self.steps > SETTLE_DOWN
        if self.events and self.dice.random() < self.event_rate:
            self.events.pop(self.dice.randrange(len(self.events)))()
            return 0
        if not self._messages:
            assert seconds_to_timer is not None, "everything waits, and for nothing"
            return seconds_to_timer
        if not calm and seconds_to_timer is not None and self.dice.random() < self.fault_rate / 4:
            return seconds_to_timer
        self._move(calm=calm)
        return 0

    def deliver_the_rest(self) -> None:
        """Let the remaining messages arrive, in any order, without a receiver of the replies."""
        while self._messages:
            self._move(calm=True)

    def _move(self, *, calm: bool) -> None:
        message = self._messages[self.dice.randrange(len(self._messages))]
        if not calm and self.dice.random() < self.fault_rate:
            self._fail(message)
        elif not message.arrived:
            message.outcome, message.arrived = message.act(), True
        else:
            self._end(message, message.outcome)

    def _fail(self, message: Message) -> None:
        if self.dice.random() < 1 / 3:
            # The sender gets no error: it waits until its own timeout.
            self._messages.remove(message)
        else:
            self._end(message, message.broken() if message.arrived else message.lost())

    def _end(self, message: Message, outcome: Any) -> None:  # noqa: ANN401
        self._messages.remove(message)
        if message.outcome_future.done() or message.origin.dead:
            return
        if isinstance(outcome, Exception):
            message.outcome_future.set_exception(outcome)
        else:
            message.outcome_future.set_result(outcome)
