"""The provider of a simulated world: answers with OpenAI's protocol, or fails in any of its ways."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2

from tests.proofs.world import World

WORDS = ("Hello ", "Maria, ", "kumusta ", "ka?")
USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
FAULTS = ("429", "500", "503", "401", "malformed", "empty", "no_usage", "refusal", "cut", "broken_schema")


@dataclass(frozen=True)
class Arrival:
    """A request as the provider recorded it: `call` is the caller according to the prompt."""

    id: str
    call: str


class ProviderTransport(httpx2.AsyncBaseTransport):
    """Records every request that arrives, and answers it; `world` and `arrivals` are replaced for each schedule.

    `sent` counts the requests that were sent to the provider, arrived or not, by call.
    """

    def __init__(self) -> None:
        self.begin(World(0))

    def begin(self, world: World) -> None:
        """Forget everything and use another world."""
        self.world = world
        self.fault_rate = world.dice.choice([0.0, 0.2, 0.5])
        self.sent: list[str] = []
        self.arrivals: list[Arrival] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request into the world and wait for the provider's reply."""
        chat = json.loads(await request.aread())
        call = chat["messages"][-1]["content"] if len(chat["messages"]) == 1 else _first_call(chat)
        self.sent.append(call)
        status, headers, body = await self.world.send(
            lambda: self._arrive(call, chat),
            lambda: httpx2.ConnectError("lost", request=request),
            lambda: httpx2.ReadError("broken", request=request),
        )
        if isinstance(body, bytes):
            return httpx2.Response(status, headers=headers, content=body, request=request)
        return httpx2.Response(status, headers=headers, stream=Chunks(self.world, body), request=request)

    def _arrive(self, call: str, chat: dict[str, Any]) -> tuple[int, dict[str, str], bytes | list[bytes]]:
        dice = self.world.dice
        arrival = Arrival(f"req_{len(self.arrivals)}", call)
        self.arrivals.append(arrival)
        fault = dice.choice(FAULTS) if dice.random() < self.fault_rate else None
        headers = {"x-request-id": arrival.id, "content-type": "application/json"}
        if fault is not None and fault.isdigit():
            if dice.random() < 1 / 2:
                headers["retry-after"] = "1"
            return int(fault), headers, _encoded({"error": {"message": "simulated failure", "code": None}})
        if fault == "malformed":
            return 200, headers, b"<html>"
        if chat.get("stream"):
            return 200, headers | {"content-type": "text/event-stream"}, _chunks(fault)
        return 200, headers, _encoded(_completion(chat, fault))


class Chunks(httpx2.AsyncByteStream):
    """The chunks of a stream, each a separate message."""

    def __init__(self, world: World, chunks: list[bytes]) -> None:
        self._world = world
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield one after another, until the connection breaks."""
        for chunk in self._chunks:
            if not chunk:
                raise httpx2.RemoteProtocolError("the provider closed the connection")
            yield await self._world.send(partial(bytes, chunk), _read_error, _read_error)


def _first_call(chat: dict[str, Any]) -> str:
    """Return the call of a request with a schema in words or a repair: the one plain user message."""
    texts = [message["content"] for message in chat["messages"] if message["content"].startswith("call ")]
    return str(texts[0])


def _read_error() -> Exception:
    return httpx2.ReadError("broken")


def _encoded(content: object) -> bytes:
    return json.dumps(content).encode()


def _completion(chat: dict[str, Any], fault: str | None) -> dict[str, Any]:
    structured = "response_format" in chat
    text = json.dumps({"message": "".join(WORDS)}) if structured else "".join(WORDS)
    if fault == "broken_schema":
        text = "{}"
    message: dict[str, str | None] = {"role": "assistant", "content": text}
    if fault == "refusal":
        message = {"role": "assistant", "content": None, "refusal": "No."}
    completion = {
        "id": "chatcmpl",
        "object": "chat.completion",
        "created": 0,
        "model": chat["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": USAGE,
    }
    if fault == "empty":
        completion["choices"] = []
    if fault in {"no_usage", "cut"}:
        del completion["usage"]
    return completion


def _chunks(fault: str | None) -> list[bytes]:
    deltas: list[dict[str, Any]] = [{"content": word} for word in WORDS]
    if fault == "refusal":
        deltas = [{"refusal": "No."}]
    chunks = [_chunk({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in deltas]
    if fault == "empty":
        chunks = []
    if fault == "cut":
        return [*chunks[:2], b""]
    chunks.append(_chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    if fault != "no_usage":
        chunks.append(_chunk({"choices": [], "usage": USAGE}))
    return [*chunks, b"data: [DONE]\n\n"]


def _chunk(content: dict[str, Any]) -> bytes:
    whole = {"id": "chatcmpl", "object": "chat.completion.chunk", "created": 0, "model": "m", **content}
    return b"data: " + _encoded(whole) + b"\n\n"
