"""Fixtures of several proofs."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from local.stack.stack import Stack
from tests.conftest import Database
from tests.proofs.two_workspaces import Scene, two_workspaces


@pytest.fixture(scope="module")
def scene(stack: Stack, database: Database) -> Iterator[Scene]:
    """Yield the attacker's workspace and those of the victims."""
    with two_workspaces(stack, database) as made:
        yield made


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the gateway over real HTTP."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, trust_env=False) as opened:
        yield opened
