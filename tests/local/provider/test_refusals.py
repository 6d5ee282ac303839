"""What the simulated provider refuses, as a table: one request a line, with the provider's reply last."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local.provider.server import PROMPT, ProviderServer

CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
    "additionalProperties": False,
}
OPEN = CLOSED | {"additionalProperties": True}
PARTIAL = CLOSED | {"required": []}
IMAGE = [
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
]


def _schema(schema: dict[str, Any], *, strict: bool = True) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": strict}}


REFUSED: list[tuple[str, dict[str, Any], int, str | None, str]] = [
    ("unknown model", {"model": "gpt-9"}, 404, "model_not_found", "The model `gpt-9` does not exist"),
    ("no model", {"model": None}, 400, None, "you must provide a model parameter"),
    ("no messages", {"messages": None}, 400, "missing_required_parameter", "'messages'"),
    ("empty messages", {"messages": []}, 400, "empty_array", "empty array"),
    ("message that is none", {"messages": ["Hi"]}, 400, "invalid_type", "array of objects"),
    ("user message of null", {"messages": [{"role": "user", "content": None}]}, 400, "invalid_type", "array"),
    ("unknown role", {"messages": [{"role": "boss", "content": "Hi"}]}, 400, "invalid_type", "array"),
    ("format that is a word", {"response_format": "json"}, 400, "invalid_type", "'response_format'"),
    ("unknown argument", {"maxTokens": 5}, 400, None, "Unrecognized request argument supplied: maxTokens"),
    (
        "schema on an old model",
        {"model": "gpt-3.5-turbo", "response_format": _schema(CLOSED)},
        400,
        None,
        "'json_schema' is not supported with this model",
    ),
    (
        "open object in a strict schema",
        {"response_format": _schema(OPEN)},
        400,
        None,
        "'additionalProperties'",
    ),
    (
        "optional property in a strict schema",
        {"response_format": _schema(PARTIAL)},
        400,
        None,
        "Missing 'message'",
    ),
    (
        "schema that is none",
        {"response_format": _schema(CLOSED | {"properties": []})},
        400,
        None,
        "not of type 'object'",
    ),
    ("format without a schema", {"response_format": {"type": "json_schema"}}, 400, None, "json_schema"),
    ("unknown format", {"response_format": {"type": "xml"}}, 400, "invalid_value", "xml"),
    (
        "JSON mode without the word",
        {"response_format": {"type": "json_object"}},
        400,
        None,
        "the word 'json'",
    ),
    (
        "more output than gpt-3.5-turbo writes",
        {"model": "gpt-3.5-turbo", "max_tokens": 4097},
        400,
        "invalid_value",
        "supports at most 4096 completion tokens",
    ),
    ("more output than gpt-4o writes", {"max_tokens": 16385}, 400, "invalid_value", "at most 16384"),
    ("no output at all", {"max_tokens": 0}, 400, "integer_below_min_value", "'max_tokens'"),
    (
        "two limits",
        {"max_tokens": 5, "max_completion_tokens": 5},
        400,
        "invalid_parameter_combination",
        "at the same time",
    ),
    (
        "old limit on a reasoning model",
        {"model": "gpt-5", "max_tokens": 5},
        400,
        "unsupported_parameter",
        "Use 'max_completion_tokens' instead",
    ),
    (
        "temperature on a reasoning model",
        {"model": "gpt-5-mini", "temperature": 0.2},
        400,
        "unsupported_value",
        "Only the default (1) value is supported",
    ),
    ("too hot", {"temperature": 2.5}, 400, "decimal_above_max_value", "between 0 and 2"),
    ("stream options without a stream", {"stream_options": {"include_usage": True}}, 400, None, "'stream'"),
    ("image for a blind model", {"model": "gpt-3.5-turbo", "messages": IMAGE}, 400, None, "image_url"),
    (
        "prompt beyond the context",
        {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "word " * 16385}]},
        400,
        "context_length_exceeded",
        "maximum context length is 16385 tokens. However, your messages resulted in 16392 tokens",
    ),
    (
        "prompt and output beyond the context",
        {
            "model": "gpt-3.5-turbo",
            "messages": [{"role": "user", "content": "word " * 16000}],
            "max_tokens": 4000,
        },
        400,
        "context_length_exceeded",
        "you requested 20007 tokens (16007 in the messages, 4000 in the completion)",
    ),
    ("two choices", {"n": 2}, 400, "not_simulated", "one choice"),
]


def _post(simulator: ProviderServer, body: dict[str, Any], key: str = "Bearer sk-local") -> httpx.Response:
    wanted = {"model": "gpt-4o", "messages": PROMPT} | body
    sent = {name: value for name, value in wanted.items() if value is not None}
    headers = {"authorization": key} if key else {}
    return httpx.post(f"{simulator.url}/v1/chat/completions", json=sent, headers=headers)


@pytest.mark.parametrize(
    ("body", "status", "code", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_request_is_refused_as_the_real_one_refuses_it(
    simulator: ProviderServer, body: dict[str, Any], status: int, code: str | None, said: str
) -> None:
    """Status, code and message are the real provider's, the reply has an id, and no token was used."""
    reply = _post(simulator, body)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert said in error["message"]
    assert error["type"] == "invalid_request_error"
    (row,) = simulator.requests()
    assert (row["id"], row["status"]) == (reply.headers["x-request-id"], status)
    assert row["completion_tokens"] == 0


@pytest.mark.parametrize(
    ("key", "code"), [("", None), ("Bearer ", None), ("Bearer sk-invalid-1", "invalid_api_key")]
)
def test_missing_or_wrong_key_is_unauthorized(simulator: ProviderServer, key: str, code: str | None) -> None:
    """A missing or wrong key gets 401 in the provider's shape."""
    reply = _post(simulator, {}, key.strip())
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, code)


def test_body_that_is_no_json_is_refused(simulator: ProviderServer) -> None:
    """A body that is not JSON gets 400."""
    reply = httpx.post(
        f"{simulator.url}/v1/chat/completions", content=b"{", headers={"authorization": "Bearer sk-local"}
    )
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


def test_lax_schema_may_leave_objects_open(simulator: ProviderServer) -> None:
    """Only `strict` requires closed objects with every property required."""
    assert _post(simulator, {"response_format": _schema(PARTIAL, strict=False)}).status_code == 200


def test_claude_ignores_the_response_format(simulator: ProviderServer) -> None:
    """Anthropic's compatible endpoint answers plain text for any requested format."""
    reply = _post(simulator, {"model": "claude-haiku-4-5", "response_format": _schema(OPEN)})
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"].startswith("Hi Maria Santos!")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "messages",
        "model",
        "stream",
        "temperature",
        "max_tokens",
        "response_format",
        "stream_options",
        "n",
        "user",
    ]
)


@settings(max_examples=150, deadline=None)
@given(body=st.dictionaries(FIELDS, JUNK, max_size=3), said=st.text(st.characters(codec=None)))
def test_no_request_crashes_the_provider(
    session_simulator: ProviderServer, body: dict[str, Any], said: str
) -> None:
    """Any JSON is answered or refused; lone surrogates in a prompt become question marks."""
    wanted = {"model": "gpt-4o", "messages": [*PROMPT, {"role": "user", "content": said}]} | body
    reply = httpx.post(
        f"{session_simulator.url}/v1/chat/completions",
        content=json.dumps(wanted),
        headers={"authorization": "Bearer sk-local"},
    )
    assert reply.status_code in {200, 400, 404}
