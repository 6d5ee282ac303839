"""A deadline gives every call its timeout, by a clock that the test moves."""

import pytest

from shared.deadline import Deadline
from shared.errors import DeadlineExceeded
from tests.shared.clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    """Return a clock at 100 seconds."""
    return HandClock()


def test_the_functions_budget_decides_without_one_of_the_platform(clock: HandClock) -> None:
    """On a laptop only the function's own limit ends a request."""
    assert Deadline.starting(25, clock=clock).ends_at == 125


@pytest.mark.parametrize(("lambda_ms", "left"), [(10_000, 10), (60_000, 25), (25_000, 25), (0, 0)])
def test_the_lesser_of_budget_and_platform_time_rules(clock: HandClock, lambda_ms: int, left: int) -> None:
    """Zero milliseconds are a value of the platform, not a missing one."""
    assert Deadline.starting(25, lambda_ms, clock).remaining() == left


def test_the_remaining_time_shrinks_with_the_clock_and_stops_at_zero(clock: HandClock) -> None:
    """The remaining time is never negative."""
    deadline = Deadline.starting(10, clock=clock)
    clock.now = 104
    assert deadline.remaining() == 6
    clock.now = 111
    assert deadline.remaining() == 0


@pytest.mark.parametrize(
    ("at_most", "keep", "seconds"), [(3, 0, 3), (30, 0, 10), (30, 4, 6), (2, 4, 2), (30, 9.5, 0.5)]
)
def test_a_call_gets_its_own_limit_or_what_is_left_after_what_is_kept(
    clock: HandClock, at_most: float, keep: float, seconds: float
) -> None:
    """Of ten remaining seconds, settling keeps its part."""
    assert Deadline.starting(10, clock=clock).timeout(at_most, keep) == seconds


def test_nothing_is_kept_unless_it_is_asked_for(clock: HandClock) -> None:
    """A last call may use all remaining time."""
    assert Deadline.starting(10, clock=clock).timeout(30) == 10


@pytest.mark.parametrize(("passed", "keep"), [(10, 0), (11, 0), (7, 3), (7, 4)])
def test_no_call_is_started_without_remaining_time(clock: HandClock, passed: float, keep: float) -> None:
    """The error comes if the budget is over, and if the rest is kept for settling."""
    deadline = Deadline.starting(10, clock=clock)
    clock.now += passed
    with pytest.raises(DeadlineExceeded):
        deadline.timeout(5, keep)


def test_an_earlier_deadline_leaves_the_first_one_as_it_was(clock: HandClock) -> None:
    """The provider's deadline ends before the request's, which still has time to settle."""
    deadline = Deadline.starting(25, clock=clock)
    earlier = deadline.minus(3)
    clock.now = 122
    assert (earlier.remaining(), deadline.remaining()) == (0, 3)


def test_the_usual_clock_runs(clock: HandClock) -> None:
    """Without a clock the monotonic one is used."""
    deadline = Deadline.starting(1000)
    assert 990 < deadline.remaining() <= 1000
    assert deadline.clock is not clock
