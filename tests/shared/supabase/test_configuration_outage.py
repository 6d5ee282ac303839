"""A database that never answers, in virtual time."""

import asyncio
import itertools

import httpx
import pytest

from shared.deadline import Deadline
from shared.errors import ServiceUnavailable
from shared.settings import Settings
from shared.supabase.auth import Caller
from shared.supabase.configuration import ConfigService
from shared.supabase.database import CALL_SECONDS, Database
from tests.proofs.virtual_time import VirtualLoop

SETTINGS = {
    "SUPABASE_URL": "http://silent.test",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_silent",
    "SUPABASE_SECRET_KEY": "sb_secret_silent",
    "OPENAI_API_KEY": "silent",
}


class Silence(httpx.AsyncBaseTransport):
    """Accepts requests and never answers."""

    async def handle_async_request(self, _request: httpx.Request) -> httpx.Response:
        """Wait for ever."""
        await asyncio.Event().wait()
        raise AssertionError


def patience(seconds_to_timer: float | None) -> float:
    """Let nothing happen until the next timer."""
    assert seconds_to_timer is not None
    return seconds_to_timer


def test_a_configuration_that_never_comes_is_an_outage_and_not_the_callers_deadline() -> None:
    """After the limit of one call, with 20 of the request's 25 seconds left, the error is a 503 and not a 504."""
    loop = VirtualLoop(patience)
    ticks = itertools.count()

    def clock() -> float:
        """Return a time that always differs, as a real clock does."""
        return loop.time() + next(ticks) / 1_000_000

    async def load() -> float:
        database = Database(Settings.from_env(SETTINGS), httpx.AsyncClient(transport=Silence()))
        service = ConfigService(database, clock, max_age_seconds=300, max_users=10)
        caller = Caller("user", "00000000-0000-4000-8000-000000000001", "token")
        with pytest.raises(ServiceUnavailable):
            await service.load(caller, Deadline.starting(25, clock=clock))
        return loop.time()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(load()) == pytest.approx(CALL_SECONDS, abs=0.001)
