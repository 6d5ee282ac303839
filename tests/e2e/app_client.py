"""An app in the browser, on its own origin, whose supabase-js calls the functions."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

from tests.users import PASSWORD, User

GENERATE = "generate-ai-content"
CHAT = "public-chatbot-chat"

Said = dict[str, Any]


@dataclass(frozen=True)
class Client:
    """The page of the app, with supabase-js connected to a stack as one user or as an anonymous caller."""

    page: Page
    url: str
    key: str
    user: User | None = None

    async def run(self, what: str, name: str, body: object, **options: object) -> Any:  # noqa: ANN401
        """Run a function of the page and return its result."""
        to = {"url": self.url, "key": self.key}
        if self.user is not None:
            to |= {"email": self.user.email, "password": PASSWORD}
        asked = {"to": to, "name": name, "options": {"body": body, **options}}
        return await self.page.evaluate(f"asked => {what}(asked)", asked)

    async def invoke(self, name: str, body: object, **options: object) -> Said:
        """Return the result of `functions.invoke`: the error's name, the status, and the readable part of the reply."""
        said: Said = await self.run("invoke", name, body, **options)
        return said


def as_user(app: Client, user: User) -> Client:
    """Return the same app after a user has signed in."""
    return Client(app.page, app.url, app.key, user)


def assert_readable(said: Said, status: int, code: str) -> None:
    """Assert a FunctionsHttpError whose body, status and id a page of another origin can read."""
    assert (said["error"], said["status"], said["type"]) == ("FunctionsHttpError", status, "cors"), said
    body = said["body"]
    assert (body["success"], body["code"]) == (False, code)
    assert isinstance(body["error"], str)
    assert body["error"]
    assert said["requestId"] == body["requestId"]
