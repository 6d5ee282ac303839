"""A workspace with a public chat page, and how a visitor writes there."""

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

    def archive_sessions(self) -> None:
        """Close them, as the owner does."""
        self.database.execute(
            "update public.public_chat_sessions set status = 'archived' where user_id = %s", [self.owner.id]
        )

    def energy(self) -> int:
        """What is left to the owner."""
        return Books(self.database, self.owner).energy()

    def count(self, table: str) -> int:
        """How many rows of the table are the owner's."""
        row = self.database.execute(
            f"select count(*) from public.{table} where user_id = %s".encode(), [self.owner.id]
        ).fetchone()
        assert row is not None
        return int(str(row[0]))


NewWorkspace = Callable[..., Workspace]


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
