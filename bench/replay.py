"""A server that replays recorded replies at once, chosen by the last part of the path; it reads nothing else."""

import asyncio
from multiprocessing.connection import Connection

Replies = dict[str, tuple[str, str]]
"""By the last part of a path: the body of the request, and the body of the reply."""


class _ReplayProtocol(asyncio.Protocol):
    """One connection: requests with a `content-length`, one after another."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            _, _, after = head.partition(b"content-length:")
            size = int(after.partition(b"\r\n")[0] or b"0")
            if len(self._buffer) < end + 4 + size:
                return
            path = head.split(b" ", 2)[1].partition(b"?")[0]
            self._buffer = self._buffer[end + 4 + size :]
            if self._transport is not None:
                self._transport.write(self._answers[path.rpartition(b"/")[2]])


def serve(replies: Replies, port: Connection) -> None:
    """Serve on a free port, which is sent to `port`, until the process is killed."""
    answers = {name.encode(): _answer(body.encode()) for name, (_, body) in replies.items()}

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: _ReplayProtocol(answers), "127.0.0.1", 0
        )
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
