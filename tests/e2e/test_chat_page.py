"""The public chat page in a real browser: what a visitor sees, and what it leaves in the database."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from local.stack import PROJECT, Stack
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.provider import Provider
from tests.users import User

GREETING = "Kumusta! Ano ang maitutulong ko?"
AWAY = "Bukas na po kami sasagot."
RATE_LIMITED = "Too many requests. Please wait a moment."
POLL_MS = 5_000
AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Workspace:
    """An owner with an active chatbot, and the address of its page."""

    owner: User
    url: str
    database: Database

    def rows(self) -> list[tuple[str, str]]:
        """Sender and message of every row of the workspace's sessions, in order."""
        return [
            (str(sender), str(message))
            for sender, message in self.database.execute(
                """select sender, message from public.public_chat_messages
                   join public.public_chat_sessions chat on chat.id = session_id
                   where chat.user_id = %s order by public_chat_messages.created_at""",
                [self.owner.id],
            )
        ]

    def sessions(self) -> int:
        """How many sessions visitors have started."""
        return self.count("public_chat_sessions")

    def count(self, table: str) -> int:
        """How many rows of the table are the owner's."""
        row = self.database.execute(
            f"select count(*) from public.{table} where user_id = %s".encode(), [self.owner.id]
        ).fetchone()
        assert row is not None
        return int(str(row[0]))


NewWorkspace = Callable[..., Workspace]


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


def words_of(page: Page, sender: str) -> Locator:
    """The words of all messages of one side."""
    return page.locator(f"#log li.{sender} p")


async def say(page: Page, text: str) -> None:
    """Write and send, as a keyboard does; the answer is not waited for."""
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def answered(page: Page) -> None:
    """Wait until the page takes the next message."""
    await expect(page.get_by_role("button", name="Send")).to_have_attribute("aria-disabled", "false")


async def test_a_new_visitor_is_greeted(page: Page, new_workspace: NewWorkspace) -> None:
    """The name and the greeting stand there, the greeting is a row, and the text field has the focus."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    await expect(page.get_by_role("heading", name="Siggy")).to_be_visible()
    await expect(page.locator("#log .speaker")).to_have_text(["Siggy"])
    await expect(page).to_have_title("Chat with Siggy")
    await expect(page.get_by_label("Your message")).to_be_focused()
    assert workspace.rows() == [("ai", GREETING)]


async def test_an_unknown_slug_is_told(page: Page, stack: Stack) -> None:
    """No chat is no blank page, and nothing can be written."""
    await page.goto(f"{stack.url}/chat/nowhere")
    await expect(page.get_by_role("alert")).to_have_text("There is no chat at this address.")
    await expect(page.get_by_label("Your message")).to_be_disabled()


async def test_an_answer_is_shown_while_it_grows(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """A provider that stalls after three pieces leaves them readable, with the page still waiting for more."""
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
    """When it is done, the page shows the rows, the next message can be sent, and nobody is typing."""
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


async def test_someone_is_typing_until_the_first_word(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """While the model says nothing yet, the page tells that somebody is at it."""
    await page.goto(new_workspace().url)
    provider.fail({"kind": "hang"})
    await say(page, "Hello po")
    await expect(page.get_by_role("status")).to_have_text("Siggy is typing …")


async def test_contact_details_become_a_lead(page: Page, new_workspace: NewWorkspace) -> None:
    """What a visitor tells of himself is the owner's lead and one prospect, and nothing of it stands on the page."""
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


@pytest.fixture
def one_message_a_minute(database: Database) -> Iterator[None]:
    """A visitor's session may send one message a minute."""
    change = "update public.ai_policy set visitor_session_calls_per_minute = %s"
    row = database.execute("select visitor_session_calls_per_minute from public.ai_policy").fetchone()
    assert row is not None
    database.execute(change, [1])
    yield
    database.execute(change, [row[0]])


@pytest.mark.usefixtures("one_message_a_minute")
async def test_too_many_messages_are_told_and_given_back(page: Page, new_workspace: NewWorkspace) -> None:
    """The server's own sentence is read out, and the words are in the text field again: nothing is lost."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await say(page, "First")
    await answered(page)
    await say(page, "Second")
    await expect(page.get_by_role("alert")).to_have_text(RATE_LIMITED)
    await expect(page.get_by_label("Your message")).to_have_value("Second")
    await expect(words_of(page, "visitor")).to_have_text(["First"])
    assert [text for sender, text in workspace.rows() if sender == "visitor"] == ["First"]


async def test_without_a_provider_the_visitor_gets_an_honest_answer(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """The owner's away message, as a row, and nothing is charged."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    provider.fail({"kind": "status", "status": 500, "times": 9})
    await say(page, "Magkano po?")
    await expect(words_of(page, "ai")).to_have_text([GREETING, AWAY])
    await expect(page.get_by_role("alert")).to_be_empty()
    assert workspace.rows()[1:] == [("visitor", "Magkano po?"), ("ai", AWAY)]
    Books(workspace.database, workspace.owner).assert_nothing_charged(500)


async def test_an_answer_that_breaks_off_is_replaced_by_an_honest_one(
    page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """Half a sentence is no answer: the page takes it away and shows what was stored in its place."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    provider.fail({"kind": "cut", "count": 40, "after_chunks": 5})
    await say(page, "Magkano po?")
    await expect(words_of(page, "ai")).to_have_text([GREETING, AWAY])
    assert workspace.rows()[1:] == [("visitor", "Magkano po?"), ("ai", AWAY)]


async def test_reload_keeps_the_conversation(page: Page, new_workspace: NewWorkspace) -> None:
    """The same session, the same words in the same order, and no second greeting."""
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
    """Opened at once they agree; what is said in one is seen in the other."""
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
    """The owner has closed it: the visitor starts anew, with the greeting."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    workspace.database.execute(
        "update public.public_chat_sessions set status = 'archived' where user_id = %s", [workspace.owner.id]
    )
    await page.reload()
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    assert workspace.sessions() == 2


async def test_a_person_who_takes_over_is_read(page: Page, new_workspace: NewWorkspace) -> None:
    """The machine is silent, the visitor's words are kept, and the person's appear by themselves."""
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


async def test_without_connection_the_words_are_given_back_and_sent_once(
    visitor: BrowserContext, page: Page, new_workspace: NewWorkspace, provider: Provider
) -> None:
    """The network is gone and comes again; pressing Send again is the same message."""
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
    """Enter and the button while an answer is under way send nothing; what is being written stays."""
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


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "\u202egnirts desrever\u202c",
    "&lt;b&gt;not bold&lt;/b&gt;",
    "😀🇵🇭👩‍👧",
]


async def test_markup_is_shown_as_text(page: Page, new_workspace: NewWorkspace) -> None:
    """A greeting and a visitor's words full of markup are letters; also after a reload, out of the database."""
    workspace = new_workspace(greeting=HOSTILE[0])
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([HOSTILE[0]])
    for text in HOSTILE[1:]:
        await say(page, text)
        await answered(page)
    await page.reload()
    await expect(words_of(page, "visitor")).to_have_count(len(HOSTILE) - 1)
    assert await words_of(page, "visitor").all_text_contents() == HOSTILE[1:]
    assert await page.title() == "Chat with Siggy"
    assert await page.locator("#log img, #log script, #log b").count() == 0


async def test_an_answer_full_of_markup_is_text(page: Page, new_workspace: NewWorkspace) -> None:
    """The stored answer of a model that was talked into writing a script stays a string."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    workspace.database.execute(
        """insert into public.public_chat_messages (session_id, sender, message)
           select id, 'ai', %s from public.public_chat_sessions where user_id = %s""",
        [HOSTILE[0], workspace.owner.id],
    )
    await page.reload()
    await expect(words_of(page, "ai")).to_have_text([GREETING, HOSTILE[0]])
    assert await page.title() == "Chat with Siggy"


async def test_the_policy_stops_what_the_page_did_not_bring(page: Page, new_workspace: NewWorkspace) -> None:
    """Even a script that got into the document would not run, and markup out of strings is an error."""
    await page.goto(new_workspace().url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    refused = await page.evaluate(
        """() => {
            try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name }
            return 'allowed'
        }"""
    )
    assert refused == "TypeError"


async def violations(page: Page) -> list[str]:
    """What axe finds wrong, by rule and element; run by the driver, past the page's own policy."""
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
    """Names, roles, landmarks and contrast, with an answer and an alert on the page, by day and by night."""
    await page.emulate_media(color_scheme=scheme)
    await page.goto(new_workspace().url)
    await say(page, "Hello po")
    await answered(page)
    await say(page, "Hello again po")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    assert await violations(page) == []


async def test_the_keyboard_alone_is_enough(page: Page, new_workspace: NewWorkspace) -> None:
    """Shift and Enter begin a line, Enter sends; Tab goes to the button and back to the conversation."""
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
    """With reduced motion the indicator stands still; without, it breathes."""
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
    """Nothing runs off the side, long words break, the newest message and the text field are in view, fingers hit."""
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
