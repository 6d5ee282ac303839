"""What a function in shadow mode returns: an empty 202 for every answer, and errors unchanged."""

import json

import pytest
from starlette.types import Message

from shared.http.shadow import ShadowReply

BARE = {"success": True, "requestId": "r-1", "shadow": True}
SERVED = [
    (b"content-type", b"text/event-stream"),
    (b"content-length", b"5"),
    (b"x-model-served", b"gpt-4o"),
    (b"x-energy-remaining", b"490"),
    (b"access-control-allow-origin", b"*"),
    (b"x-request-id", b"r-1"),
]


async def sent(status: int, *pieces: bytes) -> list[Message]:
    """Return what is sent of an answer that consists of these messages."""
    out: list[Message] = []

    async def send(message: Message) -> None:
        out.append(message)

    unheard = ShadowReply(send, "r-1")
    await unheard({"type": "http.response.start", "status": status, "headers": SERVED})
    for index, piece in enumerate(pieces):
        more = index < len(pieces) - 1
        await unheard({"type": "http.response.body", "body": piece, "more_body": more})
    return out


@pytest.mark.parametrize("status", [200, 202, 302])
@pytest.mark.parametrize("pieces", [[b"Maria"], [b"Ma", b"ri", b"a"], [b"Maria", b""]])
async def test_an_answer_is_a_bare_202_however_it_comes(status: int, pieces: list[bytes]) -> None:
    """Nothing is sent before the answer's end, and only headers that say nothing about it."""
    start, body = await sent(status, *pieces)
    assert start["status"] == 202
    assert json.loads(body["body"]) == BARE
    assert dict(start["headers"]) == {
        b"content-type": b"application/json",
        b"content-length": str(len(body["body"])).encode(),
        b"access-control-allow-origin": b"*",
        b"x-request-id": b"r-1",
    }


async def test_an_incomplete_answer_is_not_sent() -> None:
    """Without an end nothing is sent: the layer above reports the error."""

    async def send(message: Message) -> None:
        raise AssertionError(message)

    unheard = ShadowReply(send, "r-1")
    await unheard({"type": "http.response.start", "status": 200, "headers": SERVED})
    await unheard({"type": "http.response.body", "body": b"Ma", "more_body": True})


@pytest.mark.parametrize("status", [400, 401, 402, 404, 502, 504])
async def test_an_error_goes_out_as_it_is(status: int) -> None:
    """Status, headers and body of an error are unchanged."""
    start, body = await sent(status, b"{}")
    assert (start["status"], start["headers"], body["body"]) == (status, SERVED, b"{}")
