"""Fixtures: the functions' URLs under the stack's gateway."""

from collections.abc import AsyncIterator

import pytest

from functions.scan_processor_v2.routes import router as scan_router
from local.stack.stack import Stack
from tests.apps import app_on, client_of
from tests.calls import Api, through_gateway
from tests.conftest import Database, NewUser
from tests.functions.public_chatbot_chat.chat_page import NewPage, page_maker
from tests.functions.scan_processor_v2.scan_api import ScanApi


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    """Yield generate-ai-content over real HTTP."""
    async with through_gateway(stack) as calls:
        yield calls


@pytest.fixture
def new_page(stack: Stack, database: Database, new_user: NewUser) -> NewPage:
    """Return what opens a page: `new_page(energy=0, settings={"is_active": False}, status="human_takeover")`."""
    return page_maker(stack, database, new_user)


@pytest.fixture
async def scans(stack: Stack) -> AsyncIterator[ScanApi]:
    """Yield scan-processor-v2 in this process; the stack's own worker runs beside it."""
    async with app_on(stack, "scan-processor-v2", scan_router) as app, client_of(stack, app) as client:
        yield ScanApi(client, stack)
