"""A server that answers at once what was recorded, by the last part of a path; it reads nothing else of a request."""

import asyncio
from multiprocessing.connection import Connection

Replies = dict[str, tuple[str, str]]
"""By the last part of a path: the body that was sent, and the body that was answered."""


class _Answering(asyncio.Protocol):
    """One connection: requests with a `content-length`, one after another."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            _, _, after = head.partition(b"content-length:")
            size = int(after.partition(b"\r\n")[0] or b"0")
            if len(self._waiting) < end + 4 + size:
                return
            path = head.split(b" ", 2)[1].partition(b"?")[0]
            self._waiting = self._waiting[end + 4 + size :]
            if self._transport is not None:
                self._transport.write(self._answers[path.rpartition(b"/")[2]])


def serve(replies: Replies, told: Connection) -> None:
    """Serve on a free port, which is told, until the process is ended."""
    answers = {name.encode(): _answer(body.encode()) for name, (_, body) in replies.items()}

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Answering(answers), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
