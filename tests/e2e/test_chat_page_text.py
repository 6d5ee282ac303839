"""All messages on the chat page are shown as text, and a stream is read correctly however it is split."""

import json

from playwright.async_api import Page, expect

from tests.e2e.chat_workspace import GREETING, NewWorkspace, answered, say, words_of

HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "שלום <b>x</b> مرحبا",
    "&lt;b&gt;not bold&lt;/b&gt;",
    "😀🇵🇭👩‍👧",
]


async def test_markup_is_shown_as_text(page: Page, new_workspace: NewWorkspace) -> None:
    """Markup in a greeting and in a visitor's message is shown as text, also after a reload."""
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


async def test_text_that_is_cleaned_is_shown_as_it_is_stored(page: Page, new_workspace: NewWorkspace) -> None:
    """Characters that change the writing direction are removed, and the page shows the stored text once."""
    workspace = new_workspace()
    await page.goto(workspace.url)
    await say(page, "abc \u202egnp.exe\u202c po")
    await answered(page)
    await expect(words_of(page, "visitor")).to_have_text(["abc gnp.exe po"])
    assert workspace.rows()[1] == ("visitor", "abc gnp.exe po")


async def test_an_answer_full_of_markup_is_text(page: Page, new_workspace: NewWorkspace) -> None:
    """An answer with a script in it is stored and shown as text."""
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
    """The page's policy blocks an injected script, and markup from strings is an error."""
    await page.goto(new_workspace().url)
    await expect(words_of(page, "ai")).to_have_text([GREETING])
    refused = await page.evaluate(
        """() => {
            try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name }
            return 'allowed'
        }"""
    )
    assert refused == "TypeError"


async def test_events_are_read_right_wherever_the_stream_is_cut(
    page: Page, new_workspace: NewWorkspace
) -> None:
    """Events are complete even if a chunk ends within a character or a line end, or has several events."""
    wanted = [{"type": "delta", "text": "₱1,450 po 😀\n\ndata: x"}, {"type": "done", "response": "ñ"}]
    await page.goto(new_workspace().url)
    sent = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in wanted)
    read = await page.evaluate(
        """async (sent) => {
            const { events } = await import('/chat/page/api.js')
            const bytes = new TextEncoder().encode(sent)
            const all = []
            for (let cut = 0; cut <= bytes.length; cut++) {
                const stream = new ReadableStream({
                    start(controller) {
                        if (cut) controller.enqueue(bytes.slice(0, cut))
                        controller.enqueue(bytes.slice(cut))
                        controller.close()
                    },
                })
                const found = []
                for await (const event of events(stream)) found.push(event)
                all.push(found)
            }
            return all
        }""",
        sent,
    )
    assert read == [wanted] * (len(sent.encode()) + 1)
