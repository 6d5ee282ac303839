"""One copy of the project with `make dev` running in it, and one real browser."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.copies import Dev, clone, dev
from tests.e2e.chromium import OPTIONS, find_chromium


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
