"""A function that returns what its app receives of an event; it is put beside a function's unchanged files."""

import json
from typing import Any

from starlette.types import Receive, Scope, Send

from shared.lambda_.http import platform_handler


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the received request."""
    received: dict[str, Any] = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "address": scope["client"][0],
        "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
        "body": (await receive())["body"].hex(),
    }
    headers = [(b"content-type", b"application/json"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(received).encode()})


handler = platform_handler(app)
