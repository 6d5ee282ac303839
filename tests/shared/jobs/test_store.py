"""The store of jobs at the wire: how each answer to a new job is interpreted."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from shared.deadline import Deadline
from shared.errors import IdempotencyConflict, InternalError, NexscoutError, Unauthorized
from shared.jobs.queue import WorkQueue
from shared.jobs.store import JobQueue
from shared.settings import Settings
from shared.supabase.database import Database
from tests.wire import Wire, answer, wire_before

ID = UUID("5f0c8a10-0000-4000-8000-00000000000a")


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Yield a server in the place of the Supabase API, with nothing behind it."""
    async with wire_before("http://127.0.0.1:9") as between:
        yield between


@pytest.fixture
async def jobs(wire: Wire) -> AsyncIterator[JobQueue]:
    """Yield the store, whose database is the wire."""
    keys = {"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_a", "SUPABASE_SECRET_KEY": "sb_secret_b"}
    settings = Settings.from_env({"SUPABASE_URL": wire.url, "OPENAI_API_KEY": "sk-none", **keys})
    async with httpx.AsyncClient() as http:
        yield JobQueue(Database(settings, http), WorkQueue("jobs", None))


@pytest.mark.parametrize("outcome", ["reserved", "replayed"])
async def test_a_job_that_is_taken_or_known_has_its_id(jobs: JobQueue, wire: Wire, outcome: str) -> None:
    """If the key was used before, it is the first job's id."""
    wire.meet("ai_enqueue_job", answer(200, json.dumps({"outcome": outcome, "id": str(ID)}).encode()))
    assert await jobs.enqueue({"body": {}}, Deadline.starting(20)) == ID


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("idempotency_conflict", IdempotencyConflict),
        ("unknown_account", Unauthorized),
        ("settled", InternalError),
        ("rate_limited", InternalError),
    ],
)
async def test_a_job_that_is_not_taken_is_an_error(
    jobs: JobQueue, wire: Wire, outcome: str, kind: type[NexscoutError]
) -> None:
    """Unknown answers are errors too."""
    wire.meet("ai_enqueue_job", answer(200, json.dumps({"outcome": outcome}).encode()))
    with pytest.raises(kind):
        await jobs.enqueue({"body": {}}, Deadline.starting(20))
