"""One load for all who ask at once, kept for its time and never after a failure."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from shared.errors import DeadlineExceeded, ServiceUnavailable
from shared.single_flight import Ages, SingleFlight
from tests.shared.clock import HandClock


def long() -> float:
    """Seconds that no test reaches."""
    return 20.0


def at_once() -> float:
    """No time to wait at all."""
    return 0.0


class Unread(Exception):  # noqa: N818  # what happened
    """A load that brought nothing."""


class Source:
    """What is read: counts the reads, and holds each until the test lets it through."""

    def __init__(self) -> None:
        self.reads = 0
        self.held: list[asyncio.Future[int]] = []

    async def read(self) -> int:
        """Return what the test lets through."""
        self.reads += 1
        self.held.append(asyncio.get_running_loop().create_future())
        return await self.held[-1]

    async def count(self) -> int:
        """Return the number of the read."""
        self.reads += 1
        return self.reads

    async def failing(self) -> int:
        """Bring nothing."""
        self.reads += 1
        raise Unread


@asynccontextmanager
async def waiting(count: int, load: Callable[[], Awaitable[int]]) -> AsyncIterator[list[asyncio.Task[int]]]:
    """So many callers that have begun to wait."""

    async def one() -> int:
        return await load()

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    yield tasks
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def source() -> Source:
    """Nothing read yet."""
    return Source()


@pytest.fixture
def clock() -> HandClock:
    """Seconds that the test moves."""
    return HandClock()


async def test_many_at_once_wait_for_one_load(source: Source) -> None:
    """All get what it brought, and so does the next one, without a load."""
    flight = SingleFlight[str, int](Ages())
    async with waiting(50, lambda: flight.load("a", source.read, long)) as tasks:
        assert (source.reads, flight.is_loading("a"), flight.current("a")) == (1, True, None)
        source.held[0].set_result(7)
        assert await asyncio.gather(*tasks) == [7] * 50
    assert (source.reads, flight.is_loading("a"), flight.current("a")) == (1, False, 7)


async def test_other_keys_load_for_themselves(source: Source) -> None:
    """A slow one keeps nobody else waiting."""
    flight = SingleFlight[str, int](Ages(), max_values=2)
    async with waiting(1, lambda: flight.load("slow", source.read, long)):
        assert await flight.load("quick", source.count, long) == 2
        source.held[0].set_result(1)
    assert (flight.current("slow"), flight.current("quick")) == (1, 2)


async def test_whoever_is_cancelled_ends_nothing_for_the_others(source: Source) -> None:
    """Neither the one who began the load nor one who joined it."""
    flight = SingleFlight[str, int](Ages())
    async with waiting(3, lambda: flight.load("a", source.read, long)) as tasks:
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.wait(tasks[:1])
        source.held[0].set_result(7)
        assert await tasks[1] == 7
    assert [task.cancelled() for task in tasks] == [True, False, True]


async def test_whoever_waits_no_longer_ends_nothing_for_the_others(source: Source) -> None:
    """And the load serves whoever comes next, also where all have left."""
    flight = SingleFlight[str, int](Ages())
    with pytest.raises(ServiceUnavailable):
        await flight.load("a", source.read, at_once)
    async with waiting(1, lambda: flight.load("a", source.read, long)) as (patient,):
        with pytest.raises(ServiceUnavailable):
            await flight.load("a", source.read, lambda: 0.001)
        source.held[0].set_result(7)
        assert await patient == 7
    assert (flight.current("a"), source.reads) == (7, 1)


async def test_a_failure_is_for_all_who_waited_and_is_not_kept(source: Source) -> None:
    """The next one tries again."""
    flight = SingleFlight[str, int](Ages())
    async with waiting(5, lambda: flight.load("a", source.failing, long)) as tasks:
        failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert ([type(each) for each in failed], source.reads) == ([Unread] * 5, 1)
    assert flight.current("a") is None
    assert await flight.load("a", source.count, long) == 2


async def test_a_failure_after_all_callers_left_affects_nobody(source: Source) -> None:
    """It is looked at, so that the event loop has nothing to complain of."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    flight = SingleFlight[str, int](Ages())
    flight.start("a", source.failing)
    with suppress(ServiceUnavailable):
        await flight.load("a", source.failing, at_once)
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)
    assert (complaints, source.reads, flight.is_loading("a")) == ([], 1, False)


async def test_a_load_that_was_cancelled_before_its_start_blocks_nobody(source: Source) -> None:
    """As when an event loop ends."""
    flight = SingleFlight[str, int](Ages())
    flight.start("a", source.read).cancel()
    await asyncio.sleep(0)
    assert not flight.is_loading("a")
    assert await flight.load("a", source.count, long) == 1


async def test_who_asks_within_a_loads_last_step_gets_a_new_one(source: Source) -> None:
    """A load is joined until it ends, and what it brought is then there."""
    flight = SingleFlight[str, int](Ages())
    begun = flight.start("a", source.count)
    assert flight.start("a", source.count) is begun
    await begun
    assert flight.start("a", source.count) is not begun
    assert flight.current("a") == 1


async def test_a_value_is_used_for_its_time_and_no_longer(source: Source, clock: HandClock) -> None:
    """By the clock that is given; without a trusted age nothing outlives a failure."""
    flight = SingleFlight[str, int](Ages(300), clock=clock)
    await flight.load("a", source.count, long)
    clock.now += 299
    assert (flight.current("a"), flight.trusted("a")) == (1, 1)
    clock.now += 1
    assert (flight.current("a"), flight.trusted("a")) == (None, None)
    with pytest.raises(Unread):
        await flight.load("a", source.failing, long)
    assert flight.current("a") is None


async def test_a_trusted_value_is_used_through_a_failure_with_a_pause(
    source: Source, clock: HandClock
) -> None:
    """Nobody waits for the next try within the pause, and at its trusted age it ends all the same."""
    flight = SingleFlight[str, int](Ages(600, 3600, 30), clock=clock)
    flight.keep("a", 1)
    clock.now += 600
    assert (flight.current("a"), flight.trusted("a")) == (None, 1)
    with pytest.raises(Unread):
        await flight.load("a", source.failing, long)
    clock.now += 29
    assert flight.current("a") == 1
    clock.now += 1
    assert flight.current("a") is None
    clock.now = 100 + 3590
    with pytest.raises(ServiceUnavailable):
        await flight.load("a", source.read, at_once)
    clock.now += 9
    assert (flight.current("a"), flight.trusted("a")) == (1, 1)
    clock.now += 1
    assert (flight.current("a"), flight.trusted("a")) == (None, None)


async def test_a_failure_does_not_shorten_the_time_of_a_fresh_value(source: Source, clock: HandClock) -> None:
    """A load that was asked for early says nothing about what is there."""
    flight = SingleFlight[str, int](Ages(600, 3600, 30), clock=clock)
    flight.keep("a", 1)
    with pytest.raises(Unread):
        await flight.load("a", source.failing, long)
    clock.now += 599
    assert flight.current("a") == 1


async def test_an_expired_value_is_loaded_by_the_next_one_and_trusted_until_then(
    source: Source, clock: HandClock
) -> None:
    """What is not there cannot expire."""
    flight = SingleFlight[str, int](Ages(), clock=clock)
    flight.expire("a")
    flight.keep("a", 0)
    flight.expire("a")
    assert (flight.current("a"), flight.trusted("a")) == (None, 0)
    assert await flight.load("a", source.count, long) == 1
    assert flight.current("a") == 1


async def test_an_older_value_never_replaces_a_newer_one(clock: HandClock) -> None:
    """Nor does it make the newer one younger; one of the same version does."""
    flight = SingleFlight[str, int](Ages(300), version=lambda value: value // 10, clock=clock)
    flight.keep("a", 21)
    clock.now += 200
    flight.keep("a", 19)
    assert flight.current("a") == 21
    clock.now += 100
    assert flight.current("a") is None
    flight.keep("a", 20)
    assert flight.current("a") == 20


async def test_who_gets_a_value_gets_the_current_one_then_a_loaded_one_then_the_trusted_one(
    source: Source, clock: HandClock
) -> None:
    """And the failure itself where there is none of them."""
    flight = SingleFlight[str, int](Ages(600, 3600), clock=clock)
    with pytest.raises(Unread):
        await flight.get("a", source.failing, long)
    assert await flight.get("a", source.count, long) == 2
    assert await flight.get("a", source.failing, long) == 2
    clock.now += 600
    assert (await flight.get("a", source.failing, long), source.reads) == (2, 3)
    assert await flight.get("a", source.count, long) == 4
    clock.now += 3600
    with pytest.raises(Unread):
        await flight.get("a", source.failing, long)


async def test_who_has_no_time_begins_nothing(source: Source) -> None:
    """What tells the time raises, and only where a load is needed."""

    def ended() -> float:
        raise DeadlineExceeded

    flight = SingleFlight[str, int](Ages())
    with pytest.raises(DeadlineExceeded):
        await flight.get("a", source.count, ended)
    flight.keep("a", 5)
    assert (await flight.get("a", source.count, ended), source.reads) == (5, 0)


async def test_a_value_of_nothing_is_a_value(source: Source) -> None:
    """Zero is not missing."""
    flight = SingleFlight[str, int](Ages())
    flight.keep("a", 0)
    assert (flight.current("a"), flight.trusted("a"), source.reads) == (0, 0, 0)


async def test_at_most_so_many_are_kept() -> None:
    """The one that was not asked for longest goes; all of them can be dropped at once."""
    flight = SingleFlight[str, int](Ages(), max_values=2)
    flight.keep("a", 1)
    flight.keep("b", 2)
    assert flight.current("a") == 1
    flight.keep("c", 3)
    assert [flight.current(key) for key in "abc"] == [1, None, 3]
    assert flight.drop_all() == [1, 3]
    assert [flight.current(key) for key in "abc"] == [None] * 3
