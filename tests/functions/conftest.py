"""The URL of the function under the stack's gateway."""

from collections.abc import AsyncIterator

import pytest

from local.stack import Stack
from tests.calls import Api, through_gateway


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    """Call generate-ai-content over real HTTP."""
    async with through_gateway(stack) as calls:
        yield calls
