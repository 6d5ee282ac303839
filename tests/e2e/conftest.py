"""Fixtures of these tests: a running copy, a browser, workspaces with a chat page, and zips under a runtime."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from local.package.__main__ import build
from local.package.target import HOST
from local.servers import queues
from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.copies import Dev, clone, dev
from tests.e2e.app_client import Client
from tests.e2e.chat_workspace import AWAY, GREETING, NewWorkspace, Workspace
from tests.e2e.chromium import OPTIONS, find_chromium
from tests.e2e.lambdas import StartLambda, folder, running, runtime_client, unpacked
from tests.e2e.other_origin import other_origin
from tests.runtime_api import RuntimeApi
from tests.users import PASSWORD_HASH, User


@pytest.fixture(scope="session")
def running_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """Run `make dev` from nothing in a fresh copy."""
    with clone(tmp_path_factory.mktemp("clone")) as folder, dev(folder) as running:
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run Chromium without a window, for the whole run."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=find_chromium(), args=OPTIONS)
        yield running
        await running.close()


@pytest.fixture
async def visitor(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Yield a visitor's browser with its own storage; an error on a page fails the test."""
    complaints: list[str] = []
    context = await browser.new_context()
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    await context.close()
    assert complaints == []


@pytest.fixture
async def page(visitor: BrowserContext) -> Page:
    """Return an empty page of that browser."""
    return await visitor.new_page()


@pytest.fixture(scope="session")
def new_user(new_user: NewUser, database: Database) -> NewUser:
    """Make users who can sign in, too: the app in the browser does, with their password."""

    def make(tier: str = "pro", energy: int = 500) -> User:
        user = new_user(tier, energy)
        database.execute(
            "update auth.users set encrypted_password = %s, email_confirmed_at = now() where id = %s",
            [PASSWORD_HASH, user.id],
        )
        return user

    return make


@pytest.fixture
def new_workspace(stack: Stack, database: Database, new_user: NewUser) -> NewWorkspace:
    """Return what creates a workspace: `new_workspace(energy=0, greeting="Hi", threshold=0.3)`."""

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
    """Limit a visitor's session to one message a minute."""
    change = "update public.ai_policy set visitor_session_calls_per_minute = %s"
    row = database.execute("select visitor_session_calls_per_minute from public.ai_policy").fetchone()
    assert row is not None
    database.execute(change, [1])
    yield
    database.execute(change, [row[0]])


@pytest.fixture
def origin() -> Iterator[str]:
    """Yield the address of an app that is not served by the API."""
    with other_origin() as address:
        yield address


@pytest.fixture
async def app(page: Page, origin: str, stack: Stack) -> Client:
    """Return the app in the browser, before any user has signed in."""
    await page.goto(origin)
    return Client(page, stack.url, stack.publishable_key)


@pytest.fixture(scope="session")
def packages() -> dict[str, Path]:
    """Return the zips for this machine."""
    return build(HOST)


@pytest.fixture(scope="session")
def runtime_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the runtime client."""
    return runtime_client(tmp_path_factory.mktemp("runtime-client"))


@pytest.fixture(scope="session")
def lambda_roots(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the unpacked zips by function; each has its log beside it."""
    return {name: unpacked(package, tmp_path_factory.mktemp(name)) for name, package in packages.items()}


@pytest.fixture(scope="session")
def start_lambda(lambda_roots: dict[str, Path], runtime_files: Path, stack: Stack) -> StartLambda:
    """Return what starts a process of a function's zip, optionally at another handler or with other variables."""

    @contextmanager
    def start(name: str, module: str = "", **env: str) -> Iterator[RuntimeApi]:
        root = lambda_roots[name]
        handler = f"{module or folder(name) + '.handler'}.handler"
        known = stack.env | queues.CREDENTIALS
        with running(root, runtime_files, handler, known | env, root.with_suffix(".log")) as (api, process):
            api.pid = process.pid
            yield api

    return start


@pytest.fixture(scope="module")
def lambda_api(start_lambda: StartLambda) -> Iterator[RuntimeApi]:
    """Yield one process of generate-ai-content for many tests, as the platform keeps one for many calls."""
    with start_lambda("generate-ai-content") as api:
        yield api
