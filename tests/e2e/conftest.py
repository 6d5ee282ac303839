"""One copy of the project with `make dev` running in it, one real browser, and workspaces with a chat page."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from local.stack import Stack
from tests.conftest import Database, NewUser
from tests.copies import Dev, clone, dev
from tests.e2e.app_client import Client
from tests.e2e.chat_workspace import AWAY, GREETING, NewWorkspace, Workspace
from tests.e2e.chromium import OPTIONS, find_chromium
from tests.e2e.other_origin import other_origin


@pytest.fixture(scope="session")
def running_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """`make dev`, started from nothing in a fresh copy."""
    with clone(tmp_path_factory.mktemp("clone")) as folder, dev(folder) as running:
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window, for the whole run."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=find_chromium(), args=OPTIONS)
        yield running
        await running.close()


@pytest.fixture
async def visitor(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A person's browser with a storage of its own; whatever a page complains about fails the test."""
    complaints: list[str] = []
    context = await browser.new_context()
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    await context.close()
    assert complaints == []


@pytest.fixture
async def page(visitor: BrowserContext) -> Page:
    """An empty page of that browser."""
    return await visitor.new_page()


@pytest.fixture
def new_workspace(stack: Stack, database: Database, new_user: NewUser) -> NewWorkspace:
    """Open a workspace: `new_workspace(energy=0, greeting="Hi", threshold=0.3)`."""

    def make(energy: int = 500, greeting: str = GREETING, threshold: float = 0.7) -> Workspace:
        owner, slug = new_user(energy=energy), f"tindahan-{uuid4()}"
        database.execute(
            """insert into public.chatbot_settings
                 (user_id, fixed_chatbot_id, display_name, greeting_message, away_message, auto_qualify_threshold)
               values (%s, %s, 'Siggy', %s, %s, %s)""",
            [owner.id, slug, greeting, AWAY, threshold],
        )
        return Workspace(owner, f"{stack.url}/chat/{slug}", database)

    return make


@pytest.fixture
def one_message_a_minute(database: Database) -> Iterator[None]:
    """A visitor's session may send one message a minute."""
    change = "update public.ai_policy set visitor_session_calls_per_minute = %s"
    row = database.execute("select visitor_session_calls_per_minute from public.ai_policy").fetchone()
    assert row is not None
    database.execute(change, [1])
    yield
    database.execute(change, [row[0]])


@pytest.fixture
def origin() -> Iterator[str]:
    """The address of an app that is not served by the API."""
    with other_origin() as address:
        yield address


@pytest.fixture
async def app(page: Page, origin: str, stack: Stack) -> Client:
    """The app in the browser, before anybody has signed in."""
    await page.goto(origin)
    return Client(page, stack.url, stack.publishable_key)
