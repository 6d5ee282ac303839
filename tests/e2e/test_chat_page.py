"""The public chat page in a real browser: what a visitor sees, and the rows in the database."""

import pytest
from playwright.async_api import Page, expect

from local.stack.stack import Stack
from tests.books import Books
from tests.e2e.chat_workspace import AWAY, GREETING, NewWorkspace, answered, say, words_of
from tests.provider import Provider

RATE_LIMITED = "Too many requests. Please wait a moment."


async def test_a_new_visitor_is_greeted(page: Page, new_workspace: NewWorkspace) -> None:
    """The page shows name and greeting, the greeting is stored, and the text field has the focus."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    await expect(page.get_by_role("heading", name="Siggy")).to_be_visible()
    await expect(page.locator("#log .speaker")).to_have_text(["Siggy"])
    await expect(page).to_have_title("Chat with Siggy")
    await expect(page.get_by_label("Your message")).to_be_focused()
    assert workspace.rows() == [("ai", GREETING)]


@pytest.mark.parametrize("slug", ["nowhere", "%E0%A4%A", "%3Cscript%3E", "nowhere/"])
async def test_an_unknown_slug_shows_a_message(page: Page, stack: Stack, slug: str) -> None:
    """An unknown slug shows a message, and nothing can be written."""
    await page.goto(f"{stack.url}/chat/{slug}")
    await expect(page.get_by_role("alert")).to_have_text("There is no chat at this address.")
    await expect(page.get_by_label("Your message")).to_be_disabled()


async def test_an_answer_is_shown_while_it_grows(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """If the provider stalls after three deltas, the page shows them and still waits for more."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    provider.fail({"kind": "hang", "count": 40, "after_chunks": 4})
    await say(page, "Magkano po ang barley?")
    await expect(words_of(page, "visitor")).to_have_text(["Magkano po ang barley?"])
    growing = words_of(page, "ai").nth(1)
    await expect(growing).not_to_be_empty()
    await expect(page.get_by_role("log")).to_have_attribute("aria-busy", "true")
    await expect(page.get_by_role("button", name="Send")).to_have_attribute("aria-disabled", "true")
    assert workspace.rows() == [("ai", GREETING), ("visitor", "Magkano po ang barley?")]


async def test_an_answer_ends_as_it_was_stored(page: Page, new_workspace: NewWorkspace) -> None:
    """At the end the page shows the stored rows, accepts the next message, and shows no typing indicator."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await say(page, "Hello po")
    await expect(words_of(page, "ai")).to_have_count(2)
    await answered(page)
    answer = await words_of(page, "ai").nth(1).inner_text()
    assert workspace.rows() == [("ai", GREETING), ("visitor", "Hello po"), ("ai", answer)]
    await expect(page.get_by_role("status")).to_be_empty()
    await expect(page.get_by_role("log")).to_have_attribute("aria-busy", "false")
    await expect(page.get_by_label("Your message")).to_be_focused()


async def test_typing_indicator_is_shown_until_the_first_word(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """The page shows the typing indicator until the first word arrives."""
    await page.goto(new_workspace().url)
    provider.fail({"kind": "hang"})
    await say(page, "Hello po")
    await expect(page.get_by_role("status")).to_have_text("Siggy is typing …")


async def test_contact_details_become_a_lead(page: Page, new_workspace: NewWorkspace) -> None:
    """Contact details in a message become the owner's lead and one prospect, and are not shown on the page."""
    workspace = new_workspace(threshold=0.3)
    await page.goto(workspace.url)
    for text in (
        "Hi, ako po si Maria Santos. Interested po ako, magkano? Gusto ko bumili.",
        "Ito number ko 0917 123 4567, maria.santos@example.com",
        "Kailan po pwede mag-demo?",
    ):
        await say(page, text)
        await answered(page)
    lead = workspace.database.execute(
        "select full_name, email, phone from public.chat_leads where user_id = %s", [workspace.owner.id]
    ).fetchall()
    assert lead == [("Maria Santos", "maria.santos@example.com", "+639171234567")]
    prospects = workspace.database.execute(
        "select full_name, phone, source from public.prospects where user_id = %s", [workspace.owner.id]
    ).fetchall()
    assert prospects == [("Maria Santos", "+639171234567", "public_chatbot")]
    assert (workspace.count("chatbot_to_prospect_pipeline"), workspace.count("notifications")) == (1, 1)


@pytest.mark.usefixtures("one_message_a_minute")
async def test_too_many_messages_show_an_error_and_are_given_back(
    page: Page, new_workspace: NewWorkspace
) -> None:
    """The page shows the server's message, and the visitor's text is in the text field again."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await say(page, "First")
    await answered(page)
    await say(page, "Second")
    await expect(page.get_by_role("alert")).to_have_text(RATE_LIMITED)
    await expect(page.get_by_label("Your message")).to_have_value("Second")
    await expect(words_of(page, "visitor")).to_have_text(["First"])
    assert [text for sender, text in workspace.rows() if sender == "visitor"] == ["First"]


async def test_without_a_provider_the_visitor_gets_a_fallback_answer(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """Without a provider the visitor gets the owner's away message, stored as a row, and nothing is charged."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    provider.fail({"kind": "status", "status": 500, "times": 9})
    await say(page, "Magkano po?")
    await expect(words_of(page, "ai")).to_have_text([GREETING, AWAY])
    await expect(page.get_by_role("alert")).to_be_empty()
    assert workspace.rows()[1:] == [("visitor", "Magkano po?"), ("ai", AWAY)]
    Books(workspace.database, workspace.owner).assert_nothing_charged(500)


async def test_an_answer_whose_stream_breaks_is_replaced_by_a_fallback_answer(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """If a stream breaks, the page removes the partial answer and shows the stored fallback answer."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    provider.fail({"kind": "cut", "count": 40, "after_chunks": 5})
    await say(page, "Magkano po?")
    await expect(words_of(page, "ai")).to_have_text([GREETING, AWAY])
    assert workspace.rows()[1:] == [("visitor", "Magkano po?"), ("ai", AWAY)]
