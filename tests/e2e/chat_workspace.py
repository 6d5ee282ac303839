"""A workspace with a public chat page, and what a visitor does on the page."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.books import Books
from tests.conftest import Database
from tests.users import User

GREETING = "Kumusta! Ano ang maitutulong ko?"
AWAY = "Bukas na po kami sasagot."
POLL_MS = 5_000


@dataclass(frozen=True)
class Workspace:
    """An owner with an active chatbot, and the address of its page."""

    owner: User
    url: str
    database: Database

    def rows(self) -> list[tuple[str, str]]:
        """Return sender and message of every row of the workspace's sessions, in order."""
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
        """Return the number of sessions that visitors have started."""
        return self.count("public_chat_sessions")

    def archive_sessions(self) -> None:
        """Archive the sessions, as the owner does."""
        self.database.execute(
            "update public.public_chat_sessions set status = 'archived' where user_id = %s", [self.owner.id]
        )

    def energy(self) -> int:
        """Return the owner's remaining energy."""
        return Books(self.database, self.owner).energy()

    def count(self, table: str) -> int:
        """Return the number of the owner's rows in the table."""
        row = self.database.execute(
            f"select count(*) from public.{table} where user_id = %s".encode(), [self.owner.id]
        ).fetchone()
        assert row is not None
        return int(str(row[0]))


NewWorkspace = Callable[..., Workspace]


def words_of(page: Page, sender: str) -> Locator:
    """Return the words of all messages of one side."""
    return page.locator(f"#log li.{sender} p")


async def say(page: Page, text: str) -> None:
    """Write and send a message with the keyboard; do not wait for the answer."""
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def answered(page: Page) -> None:
    """Wait until the page accepts the next message."""
    await expect(page.get_by_role("button", name="Send")).to_have_attribute("aria-disabled", "false")
