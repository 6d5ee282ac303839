"""Accessibility of the chat page: axe, keyboard, reduced motion, phones."""

from typing import Literal

import pytest
from playwright.async_api import Page, expect

from local.project import PROJECT
from tests.e2e.chat_workspace import NewWorkspace, answered, say, words_of
from tests.provider import Provider

AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"


async def violations(page: Page) -> list[str]:
    """Return what axe finds, by rule and element; the driver runs it outside the page's own policy."""
    session = await page.context.new_cdp_session(page)
    # An isolated world has the document but not the page's trusted types.
    tree = await session.send("Page.getFrameTree")
    world = await session.send("Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"]})
    script = AXE.read_text("utf-8") + (
        ";axe.run().then(found => found.violations.flatMap("
        "rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary}`)))"
    )
    result = await session.send(
        "Runtime.evaluate",
        {
            "expression": script,
            "contextId": world["executionContextId"],
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    found: list[str] = result["result"]["value"]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("one_message_a_minute")
async def test_axe_finds_nothing_wrong(
    page: Page, new_workspace: NewWorkspace, scheme: Literal["light", "dark"]
) -> None:
    """Axe finds no violation with an answer and an alert on the page, in light and in dark mode."""
    await page.emulate_media(color_scheme=scheme)
    await page.goto(new_workspace().url)
    await say(page, "Hello po")
    await answered(page)
    await say(page, "Hello again po")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    assert await violations(page) == []


async def test_the_keyboard_alone_is_enough(page: Page, new_workspace: NewWorkspace) -> None:
    """Shift+Enter starts a new line and Enter sends; Tab moves to the button and back to the conversation."""
    await page.goto(new_workspace().url)
    await expect(page.get_by_label("Your message")).to_be_focused()
    await page.keyboard.type("Hello")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("po")
    await page.keyboard.press("Enter")
    await expect(words_of(page, "visitor")).to_have_text(["Hello\npo"], use_inner_text=True)
    await answered(page)
    await page.keyboard.press("Enter")
    await expect(words_of(page, "visitor")).to_have_count(1)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Send")).to_be_focused()
    for _ in range(2):
        await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("log")).to_be_focused()


async def test_nothing_moves_for_those_who_asked_for_it(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """With reduced motion the typing indicator does not move; without, it does."""
    await page.goto(new_workspace().url)
    provider.fail({"kind": "hang"})
    await say(page, "Hello po")
    indicator = page.get_by_role("status")
    await expect(indicator).not_to_be_empty()
    await expect(indicator).to_have_css("animation-name", "breathe")
    await page.emulate_media(reduced_motion="reduce")
    await expect(indicator).to_have_css("animation-name", "none")


@pytest.mark.parametrize("size", [(320, 568), (390, 844), (844, 390)])
async def test_a_phone_shows_all_of_it(
    page: Page, new_workspace: NewWorkspace, size: tuple[int, int]
) -> None:
    """Nothing overflows, long words break, newest message and text field are visible, targets are large enough."""
    width, height = size
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto(new_workspace(greeting="Kumusta! " * 60).url)
    await say(page, "https://example.com/" + "a" * 300)
    await answered(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.get_by_role("log").evaluate("log => log.scrollWidth - log.clientWidth") == 0
    await expect(words_of(page, "ai").last).to_be_in_viewport()
    for part in (page.get_by_label("Your message"), page.get_by_role("button", name="Send")):
        await expect(part).to_be_in_viewport(ratio=1)
        box = await part.bounding_box()
        assert box is not None
        assert box["height"] >= 44
