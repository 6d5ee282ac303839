"""The simulated provider's streams: complete ones, those whose client disconnects, and broken ones."""

import httpx
import pytest
from openai import APIConnectionError, APITimeoutError
from openai.types.chat import ChatCompletionChunk

from tests.local.provider.server import PROMPT, ProviderServer


def _text(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_stream_says_the_same_as_the_buffered_answer(simulator: ProviderServer) -> None:
    """The joined deltas are the buffered text, and the last choice has the finish reason."""
    chunks = simulator.stream()
    assert _text(chunks) == simulator.answer()
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_stream_with_usage_ends_with_one_usage_chunk(simulator: ProviderServer) -> None:
    """The last chunk has no choices and the usage of the whole call; the others have no usage."""
    chunks = simulator.stream(stream_options={"include_usage": True})
    assert chunks[-1].choices == []
    assert chunks[-1].usage == simulator.ask().usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_stream_ends_with_the_done_mark(simulator: ProviderServer) -> None:
    """On the wire the last event is [DONE]."""
    reply = httpx.post(
        f"{simulator.url}/v1/chat/completions",
        headers={"authorization": "Bearer sk-local"},
        json={"model": "gpt-4o", "messages": PROMPT, "stream": True},
    )
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("read", [1, 2, 3, 4, 5])
def test_client_that_disconnects_is_billed_what_was_sent(simulator: ProviderServer, read: int) -> None:
    """The client closes after k of 50 slow deltas: the journal shows an abort and fewer tokens than the answer."""
    simulator.fail("chunks", count=50, seconds=0.05)
    stream = simulator.open_stream()
    for _ in range(read + 1):
        next(iter(stream))
    stream.close()
    row = simulator.settled()
    assert (row["finished"], row["aborted"]) == (False, True)
    assert read <= row["chunks_sent"] < 50
    assert row["completion_tokens"] > 0


def test_chunks_fault_sets_the_number_of_deltas(simulator: ProviderServer) -> None:
    """Four deltas between the opening and the closing chunk, and the text is whole."""
    simulator.fail("chunks", count=4)
    chunks = simulator.stream()
    assert len(chunks) == 6
    assert _text(chunks) == simulator.answer()


@pytest.mark.parametrize("sent", [0, 1, 3])
def test_cut_stream_breaks_after_its_chunks(simulator: ProviderServer, sent: int) -> None:
    """The client gets exactly that number of deltas and then a broken connection."""
    simulator.fail("cut", after_chunks=sent)
    seen: list[ChatCompletionChunk] = []
    with pytest.raises((APIConnectionError, httpx.RemoteProtocolError)), simulator.open_stream() as stream:
        seen.extend(chunk for chunk in stream if chunk.choices[0].delta.content)
    assert len(seen) <= sent
    assert simulator.settled()["chunks_sent"] == sent


def test_stream_that_stops_sending_hangs_until_the_client_disconnects(simulator: ProviderServer) -> None:
    """After two deltas nothing comes; the client's own timeout ends the stream and the journal shows an abort."""
    simulator.fail("hang", after_chunks=2)
    with (
        pytest.raises((APITimeoutError, httpx.ReadTimeout)),
        simulator.open_stream(timeout=0.3) as stream,
    ):
        list(stream)
    row = simulator.settled()
    assert (row["chunks_sent"], row["aborted"]) == (2, True)


def test_refusal_is_streamed_as_refusal(simulator: ProviderServer) -> None:
    """The deltas carry `refusal` and never `content`."""
    simulator.fail("refusal", message="I can't help with that.")
    chunks = simulator.stream()
    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks) == "I can't help with that."
    assert _text(chunks) == ""
