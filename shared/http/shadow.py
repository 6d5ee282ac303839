"""The reply of a function in shadow mode: it confirms the request and contains nothing of the answer."""

import json

from starlette.types import Message, Send

_FIRST_ERROR = 400
_ANSWER_HEADERS = {b"content-type", b"content-length", b"x-energy-remaining", b"x-model-served"}


class ShadowReply:
    """The send side of a copied request: an answer becomes a 202 without content, an error is sent unchanged.

    Nobody pays for a copy, so nobody may read its answer.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._body = json.dumps({"success": True, "requestId": request_id, "shadow": True}).encode()
        self._is_error = False
        self._headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, message: Message) -> None:
        """Receive what the function sends; the log already has the real status."""
        if message["type"] == "http.response.start":
            self._is_error = message["status"] >= _FIRST_ERROR
            self._headers = [pair for pair in message["headers"] if pair[0].lower() not in _ANSWER_HEADERS]
        if self._is_error:
            await self._send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._answer()

    async def _answer(self) -> None:
        own = [(b"content-type", b"application/json"), (b"content-length", str(len(self._body)).encode())]
        await self._send({"type": "http.response.start", "status": 202, "headers": [*own, *self._headers]})
        await self._send({"type": "http.response.body", "body": self._body})
