"""The simulated provider's faults, each as the real SDK receives it."""

import time

import httpx
import pytest
from openai import APIConnectionError, APIStatusError, APITimeoutError, InternalServerError, RateLimitError

from tests.local.provider.server import ProviderServer


def test_rate_limit_says_when_to_retry(simulator: ProviderServer) -> None:
    """A 429 has Retry-After and the provider's code."""
    simulator.fail("status", status=429, retry_after=7)
    with pytest.raises(RateLimitError) as refused:
        simulator.ask()
    assert refused.value.response.headers["retry-after"] == "7"
    assert refused.value.code == "rate_limit_exceeded"


def test_each_fault_is_taken_once_and_in_order(simulator: ProviderServer) -> None:
    """The client gets 503, then 500 twice, then the answer, in four requests without a hidden fifth."""
    simulator.fail("status", status=503)
    simulator.fail("status", status=500, times=2)
    seen = []
    for _ in range(3):
        with pytest.raises(InternalServerError) as failed:
            simulator.ask()
        seen.append(failed.value.status_code)
    assert seen == [503, 500, 500]
    assert simulator.answer()
    assert [row["status"] for row in simulator.requests()] == [503, 500, 500, 200]


def test_fault_with_a_match_waits_for_its_request(simulator: ProviderServer) -> None:
    """A request without the marker gets an answer; the request with it gets the fault."""
    simulator.fail("status", status=500, match="canary-7")
    assert simulator.answer()
    with pytest.raises(InternalServerError):
        simulator.ask(messages=[{"role": "user", "content": "canary-7"}])


def test_hanging_call_ends_with_the_clients_timeout(simulator: ProviderServer) -> None:
    """Nothing is answered, and the journal shows that the client disconnected."""
    simulator.fail("hang")
    with pytest.raises(APITimeoutError):
        simulator.ask(timeout=0.2)
    row = simulator.settled()
    assert (row["aborted"], row["completion_tokens"]) == (True, 0)


def test_slow_first_token_answers_late_and_whole(simulator: ProviderServer) -> None:
    """The answer comes after the delay and not before."""
    simulator.fail("slow_first_token", seconds=0.2)
    started = time.monotonic()
    assert simulator.answer()
    assert time.monotonic() - started >= 0.2


def test_cut_body_is_a_connection_error(simulator: ProviderServer) -> None:
    """Half a body and a closed connection are an error, not an answer."""
    simulator.fail("cut")
    with pytest.raises(APIConnectionError):
        simulator.ask()


def test_malformed_body_is_no_json(simulator: ProviderServer) -> None:
    """The SDK raises the parser's error for a 200 whose body ends in the middle of a JSON text."""
    simulator.fail("malformed")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        simulator.ask()


def test_usage_can_be_missing(simulator: ProviderServer) -> None:
    """The reply has no usage, while the journal has it."""
    simulator.fail("no_usage")
    assert simulator.ask().usage is None
    assert simulator.requests()[0]["completion_tokens"] > 0


def test_usage_is_given_word_for_word(simulator: ProviderServer) -> None:
    """An explicit usage of zero arrives as zero."""
    simulator.fail("usage", usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    usage = simulator.ask().usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (0, 0, 0)


def test_choices_can_be_empty(simulator: ProviderServer) -> None:
    """A 200 without a choice is sent, buffered and streamed."""
    simulator.fail("empty_choices", times=2)
    assert simulator.ask().choices == []
    assert all(chunk.choices == [] for chunk in simulator.stream())


@pytest.mark.parametrize(("kind", "reason"), [("content_filter", "content_filter"), ("length", "length")])
def test_finish_reason_marks_a_half_answer(simulator: ProviderServer, kind: str, reason: str) -> None:
    """The text is the first half of the answer and the finish reason is not `stop`."""
    whole = simulator.answer()
    simulator.fail(kind)
    choice = simulator.ask().choices[0]
    assert choice.finish_reason == reason
    assert choice.message.content == whole[: len(whole) // 2]


def test_refusal_has_no_content(simulator: ProviderServer) -> None:
    """The message carries a refusal and null content."""
    simulator.fail("refusal")
    message = simulator.ask().choices[0].message
    assert message.content is None
    assert message.refusal == "I'm sorry, but I can't help with that request."


def test_broken_schema_is_json_of_another_shape(simulator: ProviderServer) -> None:
    """The answer parses and has none of the requested properties."""
    simulator.fail("broken_schema")
    assert simulator.answer().startswith('{"unexpected": ')


def test_say_fault_sets_the_text(simulator: ProviderServer) -> None:
    """The answer is the text of the fault."""
    simulator.fail("say", message="Opo, libre po lahat.")
    assert simulator.answer() == "Opo, libre po lahat."


def test_reveal_fault_returns_the_instructions(simulator: ProviderServer) -> None:
    """The answer is exactly the system message."""
    simulator.fail("reveal")
    assert simulator.answer() == "You write first messages for an agent. Language: taglish"


@pytest.mark.parametrize(
    "fault", [{"kind": "explode"}, {"kind": "hang", "minutes": 1}, {"kind": "hang", "seconds": "1"}, {}]
)
def test_unknown_faults_are_refused(simulator: ProviderServer, fault: dict[str, object]) -> None:
    """A misspelt fault is refused with 400, so that a test cannot pass without its fault."""
    reply = httpx.post(f"{simulator.url}/control/faults", json={"faults": [fault]})
    assert reply.status_code == 400


def test_reset_forgets_faults_and_requests(simulator: ProviderServer) -> None:
    """After a reset no fault is queued and no request is listed."""
    simulator.answer()
    simulator.fail("status", status=500)
    simulator.control("DELETE", "/control")
    assert simulator.requests() == []
    assert simulator.answer()


def test_refused_request_takes_no_fault(simulator: ProviderServer) -> None:
    """Only a call that the provider would serve uses a fault; a 404 leaves it in the queue."""
    simulator.fail("status", status=503)
    for status in (404, 503):
        with pytest.raises(APIStatusError) as failed:
            simulator.ask("gpt-9" if status == 404 else "gpt-4o")
        assert failed.value.status_code == status
