"""The reply of a function that only shadows another: that it was asked, and nothing of what it would have said."""

import json

from starlette.types import Message, Send

_FIRST_ERROR = 400
_OF_THE_ANSWER = {b"content-type", b"content-length", b"x-energy-remaining", b"x-model-served"}


class Unheard:
    """The send side of a copied request: an answer becomes 202 without a word of it, an error goes out as it is.

    Whoever sends a copy must gain nothing by it: what nobody pays for, nobody reads.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._body = json.dumps({"success": True, "requestId": request_id, "shadow": True}).encode()
        self._is_error = False
        self._headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, message: Message) -> None:
        """Take what the function sends; the answer is counted in the log by then, with its own status."""
        if message["type"] == "http.response.start":
            self._is_error = message["status"] >= _FIRST_ERROR
            self._headers = [pair for pair in message["headers"] if pair[0].lower() not in _OF_THE_ANSWER]
        if self._is_error:
            await self._send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._answer()

    async def _answer(self) -> None:
        own = [(b"content-type", b"application/json"), (b"content-length", str(len(self._body)).encode())]
        await self._send({"type": "http.response.start", "status": 202, "headers": [*own, *self._headers]})
        await self._send({"type": "http.response.body", "body": self._body})
