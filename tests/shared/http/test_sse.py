"""Server-sent events: their source is always closed at the end."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from starlette.types import Message

from shared.http.sse import EventStream


async def test_events_end_also_when_the_client_disconnected_before_the_first() -> None:
    """A generator that never started would not be closed, and would keep what it holds."""
    ends: list[str] = []

    async def events() -> AsyncGenerator[Mapping[str, Any]]:
        try:
            yield {"type": "meta"}
            ends.append("went on")
        finally:
            ends.append("closed")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        raise OSError

    await EventStream(events())({"type": "http"}, receive, send)
    assert ends == ["closed"]
