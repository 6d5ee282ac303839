"""One conversation on the chat page over reloads, tabs, lost connections and takeovers: nothing is lost or doubled."""

import asyncio

from playwright.async_api import BrowserContext, Page, Route, expect

from tests.e2e.chat_workspace import GREETING, POLL_MS, NewWorkspace, answered, say, words_of
from tests.provider import Provider


async def test_reload_keeps_the_conversation(page: Page, new_workspace: NewWorkspace) -> None:
    """After a reload the session and its messages are the same, without a second greeting."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await say(page, "Hello po")
    await answered(page)
    before = await page.locator("#log li p").all_inner_texts()
    assert len(before) == 3
    await page.reload()
    await expect(page.locator("#log li p")).to_have_text(before)
    await say(page, "Salamat")
    await answered(page)
    assert workspace.sessions() == 1
    assert [text for _, text in workspace.rows()][:3] == before


async def test_two_tabs_share_one_session(visitor: BrowserContext, new_workspace: NewWorkspace) -> None:
    """Two tabs that open at once use the same session, and each shows the other's messages."""
    workspace = new_workspace()
    tabs = [await visitor.new_page() for _ in range(2)]
    await tabs[1].clock.install()
    await asyncio.gather(*(tab.goto(workspace.url) for tab in tabs))
    for tab in tabs:
        await expect(words_of(tab, "ai")).to_have_text([GREETING])
    assert (workspace.sessions(), workspace.rows()) == (1, [("ai", GREETING)])
    await say(tabs[0], "Hello po")
    await answered(tabs[0])
    await tabs[1].clock.run_for(POLL_MS)
    await expect(words_of(tabs[1], "visitor")).to_have_text(["Hello po"])


async def test_a_session_that_was_archived_is_not_continued(page: Page, new_workspace: NewWorkspace) -> None:
    """If the owner has archived the session, the visitor starts a new one, with the greeting."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    workspace.archive_sessions()
    await page.reload()
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    assert workspace.sessions() == 2


async def test_an_owner_who_takes_over_is_shown(page: Page, new_workspace: NewWorkspace) -> None:
    """After a takeover no model answers, the visitor's messages are stored, and the owner's messages appear."""
    workspace = new_workspace()
    await page.clock.install()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    session = workspace.database.execute(
        "update public.public_chat_sessions set status = 'human_takeover' where user_id = %s returning id",
        [workspace.owner.id],
    ).fetchone()
    assert session is not None
    await say(page, "Tao po ba kayo?")
    await answered(page)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    workspace.database.execute(
        "insert into public.public_chat_messages (session_id, sender, message) values (%s, 'ai', 'Opo, si Liza po.')",
        [session[0]],
    )
    await page.clock.run_for(POLL_MS)
    await expect(words_of(page, "ai")).to_have_text([GREETING, "Opo, si Liza po."])


async def test_without_connection_the_text_is_given_back_and_sent_once(
    visitor: BrowserContext, page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """Without a connection the text is given back; when it is sent again, it is stored once."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    await visitor.set_offline(offline=True)
    await say(page, "Hello po")
    await expect(page.get_by_role("alert")).to_contain_text("Check your internet connection")
    await expect(page.get_by_label("Your message")).to_have_value("Hello po")
    await visitor.set_offline(offline=False)
    await page.get_by_role("button", name="Send").click()
    await answered(page)
    await expect(words_of(page, "visitor")).to_have_text(["Hello po"])
    assert [sender for sender, _ in workspace.rows()] == ["ai", "visitor", "ai"]
    assert len(provider.requests()) == 1


async def test_an_impatient_visitor_sends_once(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """Enter and the button during an answer send nothing; the text in the field stays."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    provider.fail({"kind": "hang", "count": 40, "after_chunks": 4})
    await say(page, "Hello po")
    await say(page, "Hello po")
    # The button is not `disabled`, so that it keeps the focus; a finger can still press it.
    await page.get_by_role("button", name="Send").click(force=True)
    await expect(page.get_by_label("Your message")).to_have_value("Hello po")
    await expect(words_of(page, "visitor")).to_have_count(1)
    await expect(words_of(page, "ai").nth(1)).not_to_be_empty()
    assert len(provider.requests()) == 1
    assert [text for sender, text in workspace.rows() if sender == "visitor"] == ["Hello po"]


async def test_a_message_whose_answer_was_lost_is_stored_and_shown_once(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """If the answer was lost, sending the same message again returns the stored answer; both are stored once."""
    workspace = new_workspace()
    await page.goto(workspace.url)

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/functions/v1/public-chatbot-chat", lose, times=1)
    await say(page, "Hello po")
    await expect(page.get_by_role("alert")).to_contain_text("Check your internet connection")
    await expect(page.get_by_label("Your message")).to_have_value("Hello po")
    await page.get_by_role("button", name="Send").click()
    await answered(page)
    await expect(words_of(page, "visitor")).to_have_text(["Hello po"])
    await expect(words_of(page, "ai")).to_have_count(2)
    assert [sender for sender, _ in workspace.rows()] == ["ai", "visitor", "ai"]
    assert len(provider.requests()) == 1
    assert workspace.energy() == 490


async def test_a_conversation_closed_under_way_goes_on_in_another(
    page: Page, new_workspace: NewWorkspace
) -> None:
    """If the session is closed meanwhile, the visitor gets the text back; sending it again starts a new session."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    workspace.archive_sessions()
    await say(page, "Hello po")
    await expect(page.get_by_role("alert")).to_contain_text("This conversation was closed.")
    await expect(page.get_by_label("Your message")).to_have_value("Hello po")
    await page.get_by_role("button", name="Send").click()
    await expect(words_of(page, "visitor")).to_have_text(["Hello po"])
    await answered(page)
    assert workspace.sessions() == 2
    assert [sender for sender, _ in workspace.rows()] == ["ai", "ai", "visitor", "ai"]


async def test_a_browser_without_storage_can_chat(page: Page, new_workspace: NewWorkspace) -> None:
    """Where storage is forbidden, the page works until it is closed."""
    workspace = new_workspace()
    forbidden = "{ get() { throw new DOMException('no', 'SecurityError') } }"
    await page.add_init_script(f"Object.defineProperty(window, 'localStorage', {forbidden})")
    await page.goto(workspace.url)
    await say(page, "Hello po")
    await expect(words_of(page, "ai")).to_have_count(2)
