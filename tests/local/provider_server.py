"""The simulated provider under a real server, for the tests beside this file."""

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
from openai import OpenAI

from local.provider.app import create_app

_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class ProviderServer:
    """A running simulated provider, its control API, and the real SDK pointed at it."""

    url: str

    def client(self, key: str = "sk-local") -> OpenAI:
        """The real SDK without its hidden retries."""
        return OpenAI(api_key=key, base_url=f"{self.url}/v1", max_retries=0, timeout=_PATIENCE_SECONDS)

    def fail(self, **fault: object) -> None:
        """Queue one fault."""
        self.call("POST", "/control/faults", {"faults": [fault]})

    def requests(self, *, bodies: bool = False) -> list[dict[str, Any]]:
        """What arrived since the last reset."""
        rows: list[dict[str, Any]] = self.call("GET", f"/control/requests?bodies={int(bodies)}")
        return rows

    def settled(self) -> dict[str, Any]:
        """The only request, once the provider is done with it."""
        _until(lambda: [row for row in self.requests() if row["finished"] or row["aborted"]])
        (row,) = self.requests()
        return row

    def reset(self) -> None:
        """Forget faults and requests."""
        self.call("DELETE", "/control")

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # any JSON
        """One request to the control API and its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310  # our own loopback URL
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as reply:  # noqa: S310
            raw = reply.read()
        return json.loads(raw) if raw else None


@contextmanager
def running() -> Iterator[ProviderServer]:
    """A fresh simulated provider on a free loopback port, stopped at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(), log_level="critical", timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    _until(lambda: server.started)
    try:
        yield ProviderServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_SECONDS)
        listener.close()


def _until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, "the provider never got there"
        threading.Event().wait(0.005)
