"""The simulated provider under a real server with the real SDK, for the tests in this folder."""

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from openai import OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from local.provider.app import create_app

PATIENCE_SECONDS = 10.0
PROMPT: list[dict[str, Any]] = [
    {"role": "system", "content": "You write first messages for an agent. Language: taglish"},
    {
        "role": "user",
        "content": "Prospect name: Maria Santos\nNotes: Pagod na siya sa trabaho at kulang ang sahod.",
    },
]


@dataclass(frozen=True)
class ProviderServer:
    """A running simulated provider, its control API, and the real SDK without its hidden retries."""

    url: str
    client: OpenAI

    def ask(self, model: str = "gpt-4o", messages: object = None, **arguments: object) -> ChatCompletion:
        """Return the completion of one buffered call."""
        create: Any = self.client.chat.completions.create
        reply: ChatCompletion = create(model=model, messages=messages or PROMPT, **arguments)
        return reply

    def answer(self, **arguments: Any) -> str:  # noqa: ANN401  # whatever the SDK takes
        """Return the text of one buffered call."""
        text = self.ask(**arguments).choices[0].message.content
        assert text is not None
        return text

    def open_stream(self, model: str = "gpt-4o", **arguments: object) -> Stream[ChatCompletionChunk]:
        """Open one streamed call; its first chunk is not yet read."""
        create: Any = self.client.chat.completions.create
        stream: Stream[ChatCompletionChunk] = create(model=model, messages=PROMPT, stream=True, **arguments)
        return stream

    def stream(self, **arguments: Any) -> list[ChatCompletionChunk]:  # noqa: ANN401  # whatever the SDK takes
        """Return all chunks of one streamed call."""
        with self.open_stream(**arguments) as chunks:
            return list(chunks)

    def fail(self, kind: str, **fault: object) -> None:
        """Queue one fault."""
        self.control("POST", "/control/faults", {"faults": [{"kind": kind, **fault}]})

    def requests(self, *, bodies: bool = False) -> list[dict[str, Any]]:
        """Return the requests since the last reset."""
        rows: list[dict[str, Any]] = self.control("GET", f"/control/requests?bodies={int(bodies)}")
        return rows

    def settled(self) -> dict[str, Any]:
        """Return the only request, once the provider has finished it."""
        until(lambda: [row for row in self.requests() if row["finished"] or row["aborted"]])
        (row,) = self.requests()
        return row

    def control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # any JSON
        """Return the JSON of one request to the control API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310  # our own address
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:  # noqa: S310
            raw = reply.read()
        return json.loads(raw) if raw else None


@contextmanager
def running() -> Iterator[ProviderServer]:
    """Yield a new simulated provider on a free loopback port, stopped at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(), log_level="critical", timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until(lambda: server.started)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with OpenAI(
            api_key="sk-local", base_url=f"{url}/v1", max_retries=0, timeout=PATIENCE_SECONDS
        ) as client:
            yield ProviderServer(url, client)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        listener.close()


def until(reached: Callable[[], object]) -> None:
    """Wait until a condition holds, without a fixed sleep; fail after the patience."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not reached():
        assert time.monotonic() < deadline, "the provider never got there"
        pause.wait(0.005)
