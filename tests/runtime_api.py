"""A Lambda runtime interface on loopback: passes events to one runtime process and receives its replies."""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any
from uuid import uuid4

ROOT = "/2018-06-01/runtime"
PATIENCE_SECONDS = 40.0


@dataclass
class Invocation:
    """One event that is being handled, and the runtime's reply to it."""

    event: object
    seconds: float
    id: str = field(default_factory=lambda: str(uuid4()))
    ended: threading.Event = field(default_factory=threading.Event)
    answer: Any = None
    failed: bool = False
    took_seconds: float = 0.0

    def wait(self) -> "Invocation":
        """Wait for the runtime's reply and return the invocation."""
        assert self.ended.wait(PATIENCE_SECONDS), "the runtime gave no answer"
        return self


class RuntimeApi:
    """The queue of events of one function; `address` is for its process, whose id is `pid`.

    `snapshot` is set when the process is ready for a snapshot; the process continues when `restore` is set.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.pid = 0
        self.faults: list[object] = []
        self.snapshot = threading.Event()
        self.restore = threading.Event()
        self.waiting: Queue[Invocation] = Queue()
        self.under_way: dict[str, Invocation] = {}

    def send(self, event: object, seconds: float = 29.0) -> Invocation:
        """Queue an event whose invocation may take `timeout_seconds`, and return it."""
        invocation = Invocation(event, seconds)
        self.waiting.put(invocation)
        return invocation

    def invoke(self, event: object, seconds: float = 29.0) -> Invocation:
        """Queue an event and wait for its reply."""
        return self.send(event, seconds).wait()


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    """Serve the interface on a free port."""

    class Handler(_Handler):
        api = RuntimeApi("")

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.api.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Handler.api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as the base class
        """Ignore a process that was killed while it waited."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: RuntimeApi

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        if self.path.endswith("/restore/next"):
            self.api.snapshot.set()
            self.api.restore.wait(PATIENCE_SECONDS)
            self.send_response(200)
            self._finish(b"")
            return
        invocation = self.api.waiting.get()
        self.api.under_way[invocation.id] = invocation
        invocation.took_seconds = -time.monotonic()
        body = json.dumps(invocation.event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + invocation.seconds) * 1000)))
        arn = "arn:aws:lambda:ap-southeast-1:000000000000:function:local"
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
        self._finish(body)

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"null")
        _, _, end = self.path.partition("/invocation/")
        number, _, kind = end.partition("/")
        if number in self.api.under_way:
            invocation = self.api.under_way.pop(number)
            invocation.answer, invocation.failed = content, kind == "error"
            invocation.took_seconds += time.monotonic()
            invocation.ended.set()
        else:
            self.api.faults.append(content)
        self.send_response(202)
        self._finish(b"{}")

    def _finish(self, body: bytes) -> None:
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Write no log."""
