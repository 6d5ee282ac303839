"""Whose rows a prompt may be made of: nothing is asked for a caller who is not proven to own it."""

import httpx
import pytest

import shared.ai
from shared.ai import Reading
from shared.ai.caller_data import CallerData, CallerDataReader
from shared.deadline import Deadline
from shared.errors import InternalError
from shared.settings import Settings
from shared.supabase.auth import Caller
from shared.supabase.database import Database

USER_ID = "d0000000-0000-4000-8000-0000000000aa"
PROSPECT = Reading(prospect_id="d0000000-0000-4000-8000-000000000001")
ANSWER = Reading(function="load_assistant_material")


async def read(caller: Caller, reading: Reading) -> CallerData:
    """Read for a caller from a database that nobody can reach: a request to it would be another error."""
    settings = Settings.from_env(
        {
            "SUPABASE_URL": "http://127.0.0.1:9",
            "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_of_everyone",
            "SUPABASE_SECRET_KEY": "sb_secret_of_the_service",
            "OPENAI_API_KEY": "sk-none",
        }
    )
    async with httpx.AsyncClient() as http:
        return await CallerDataReader(Database(settings, http)).read(caller, reading, Deadline.starting(5))


@pytest.mark.parametrize(
    ("caller", "reading"),
    [
        (Caller("service"), PROSPECT),
        (Caller("anonymous"), PROSPECT),
        (Caller("user", USER_ID), PROSPECT),
        (Caller("anonymous", USER_ID), PROSPECT),
        (Caller("service", USER_ID), ANSWER),
        (Caller("anonymous"), ANSWER),
    ],
)
async def test_a_caller_who_is_not_proven_to_own_it_reads_nothing(caller: Caller, reading: Reading) -> None:
    """Only a token, or the service for a verified owner, reads a prospect; only a token calls a task's function."""
    with pytest.raises(InternalError):
        await read(caller, reading)


async def test_a_task_that_reads_nothing_asks_nothing() -> None:
    """The database is not needed."""
    assert await read(Caller("anonymous"), Reading()) == CallerData()


def test_the_front_door_has_no_other_names() -> None:
    """A name that is not offered is not imported from any room."""
    with pytest.raises(AttributeError):
        _ = shared.ai.__getattr__("Orchestrator")
