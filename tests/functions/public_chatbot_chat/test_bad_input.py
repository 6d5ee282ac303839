"""Any visitor's input is stored and shown safely, or refused clearly without being stored, sent or charged."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.functions.public_chatbot_chat.chat_page import URL, NewPage, Page
from tests.provider import Provider

MISSING = "Missing required fields: sessionId, message, userId"


async def send(page: Page, content: bytes) -> httpx.Response:
    """Send a body unchanged, with the anonymous key."""
    headers = {"apikey": page.stack.publishable_key, "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=page.stack.url, timeout=60) as client:
        return await client.post(URL, content=content, headers=headers)


def assert_untouched(page: Page, provider: Provider) -> None:
    """Assert that nothing was stored, held, charged or sent."""
    assert page.rows() == []
    assert page.books().requests() == []
    assert provider.requests() == []
    page.books().assert_nothing_charged(500)


@pytest.mark.parametrize("stream", [False, True])
async def test_missing_fields_give_the_exact_sentence(
    new_page: NewPage,
    provider: Provider,
    stream: bool,  # noqa: FBT001
) -> None:
    """Each field alone and all together, absent, null or empty; the details name which."""
    page = new_page()
    whole = page.body("hi", stream=stream)
    names = ("sessionId", "message", "userId")
    bodies: list[tuple[dict[str, object], list[str]]] = [({"stream": stream}, list(names))]
    for name in names:
        rest = {field: value for field, value in whole.items() if field != name}
        bodies += [(rest, [name]), ({**rest, name: None}, [name]), ({**rest, name: ""}, [name])]
    for body, missing in bodies:
        reply = await send(page, json.dumps(body).encode())
        answer = reply.json()
        assert (reply.status_code, answer["error"], answer["code"]) == (400, MISSING, "invalid_request")
        assert [fault["field"] for fault in answer["details"]] == missing
    assert_untouched(page, provider)


# Field, value -> status, code; the field is named.
WRONG: list[tuple[str, object, int]] = [
    ("sessionId", "abc", 400),
    ("sessionId", "00000000-0000-4000-8000-00000000000", 400),
    ("sessionId", "' or 1=1 --", 400),
    ("sessionId", 5, 400),
    ("sessionId", {"$ne": None}, 400),
    ("userId", "me", 400),
    ("userId", ["a"], 400),
    ("message", " \n\t ", 400),
    ("message", "\u202e\u200b\ufeff", 400),
    ("message", "\x07\x1b", 400),
    ("message", 5, 400),
    ("message", ["hi"], 400),
    ("message", {"text": "hi"}, 400),
    ("message", "x" * 4_001, 400),
    ("message", "\u00e9" * 15_000, 400),
    ("stream", "perhaps", 400),
]


@pytest.mark.parametrize(("field", "value", "status"), WRONG, ids=lambda value: str(value)[:20])
async def test_a_wrong_value_is_refused_by_its_field(
    new_page: NewPage, provider: Provider, field: str, value: object, status: int
) -> None:
    """The error has a readable message, and the field in the details."""
    page = new_page()
    reply = await send(page, json.dumps(page.body("hi", **{field: value})).encode())
    answer = reply.json()
    assert (reply.status_code, answer["code"]) == (status, "invalid_request")
    assert [fault["field"] for fault in answer["details"]] == [field]
    assert field in answer["error"]
    assert_untouched(page, provider)


async def test_a_session_that_nobody_has_opened_is_not_found(new_page: NewPage, provider: Provider) -> None:
    """The reply is a 404, also where the owner exists."""
    page = new_page()
    reply = await page.say("hi", sessionId=str(uuid4()))
    assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")
    assert_untouched(page, provider)


@pytest.mark.parametrize("size", [100_001, 1_000_000])
async def test_a_hundred_kilobytes_are_too_many(new_page: NewPage, provider: Provider, size: int) -> None:
    """The 413 states the limit."""
    page = new_page()
    reply = await page.say("x" * size)
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    assert "100000" in reply.json()["error"]
    assert_untouched(page, provider)


UNREADABLE: list[tuple[str, bytes]] = [
    ("no JSON", b"hello"),
    ("nothing", b""),
    ("an array", b"[]"),
    ("half of a body", b'{"sessionId":'),
    ("other letters", b'{"message":"\xff\xfe"}'),
    ("depth", b'{"message":' + b"[" * 40_000 + b"]" * 40_000 + b"}"),
]


@pytest.mark.parametrize("content", [row[1] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
async def test_a_body_that_cannot_be_read_is_refused(
    new_page: NewPage, provider: Provider, content: bytes
) -> None:
    """The reply is a 400 in the contract's shape."""
    page = new_page()
    reply = await send(page, content)
    assert (reply.status_code, reply.json()["code"], reply.json()["success"]) == (
        400,
        "invalid_request",
        False,
    )
    assert_untouched(page, provider)


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud83d", "\\ude00\\ud83d"])
async def test_half_and_null_characters_are_refused(
    new_page: NewPage, provider: Provider, escape: str
) -> None:
    """No database could store them: the field is named."""
    page = new_page()
    content = json.dumps(page.body("hi HERE po")).replace("HERE", escape)
    answer = (await send(page, content.encode())).json()
    assert (answer["code"], [fault["field"] for fault in answer["details"]]) == (
        "invalid_request",
        ["message"],
    )
    assert_untouched(page, provider)


FAMILY = "\U0001f44d\U0001f3fd\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>"
ARABIC = "\u0627\u0644\u0633\u0639\u0631 \u05e9\u05dc\u05d5\u05dd \u4f60\u597d"

# What is sent -> what is stored.
STORED: list[tuple[str, str]] = [
    (FAMILY, FAMILY),
    ("evil\u202egpj.exe\u202c \u2066x\u2069", "evilgpj.exe x"),
    ("bell\x07 escape\x1b[31m tab\t line\r\nend\x7f", "bell escape[31m tab\t line\nend"),
    (SCRIPT, SCRIPT),
    ("'; drop table public.prospects; --", "'; drop table public.prospects; --"),
    ("{{7*7}} ${HOME} %s $display_name", "{{7*7}} ${HOME} %s $display_name"),
    (ARABIC, ARABIC),
    ("x" * 4_000, "x" * 4_000),
    ("\U0001f600" * 4_000, "\U0001f600" * 4_000),
]


@pytest.mark.parametrize(("said", "stored"), STORED, ids=[str(n) for n in range(len(STORED))])
@pytest.mark.parametrize("stream", [False, True])
async def test_unusual_text_is_stored_as_text_and_shown_harmless(
    new_page: NewPage,
    provider: Provider,
    said: str,
    stored: str,
    stream: bool,  # noqa: FBT001
) -> None:
    """The message is stored without invisible characters; the answer, which quotes it, has no markup."""
    page = new_page()
    provider.fail({"kind": "say", "message": f"Sabi mo po: {said[:100]}. Salamat!"})
    reply = await page.say(said, stream=stream)
    assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (
        200, "text/event-stream" if stream else "application/json",
    )  # fmt: skip
    (asked, answered) = page.rows()
    assert asked == ("visitor", stored)
    answer: Any = answered[1]
    assert answer.startswith("Sabi mo po:")
    assert answer.endswith("Salamat!")
    for never in ("<", "\u202e", "\u2066", "\x07", "\x1b"):
        assert never not in answer
    sent = provider.bodies()[-1]["messages"]
    assert sent[-1] == {"role": "user", "content": stored}
    assert stored not in sent[0]["content"]


async def test_long_messages_leave_out_older_ones_and_not_the_model(
    new_page: NewPage, provider: Provider
) -> None:
    """Of five messages of 16,000 bytes the prompt contains the newest within its 64,000 bytes."""
    page = new_page()
    said = [f"{number} " + "\U0001f600" * 3_990 for number in range(5)]
    replies = [(await page.say(text)).json() for text in said]
    assert [reply["handledBy"] for reply in replies] == ["ai"] * 5
    sent = provider.bodies()[-1]["messages"]
    assert sent[-1] == {"role": "user", "content": said[-1]}
    assert len(json.dumps(sent, ensure_ascii=False).encode()) <= 64_000
    assert [turn["content"][:1] for turn in sent if turn["role"] == "user"][1:] == ["2", "3", "4"]
