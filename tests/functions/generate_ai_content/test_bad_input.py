"""Bad input of every kind in every shape gives a 4xx that names the field; nothing is charged or sent."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.stack.stack import Stack
from tests.books import Books, add_prospect
from tests.calls import HELLO, URL, Api, flat, orchestrated
from tests.conftest import Database, NewUser
from tests.functions.generate_ai_content.content_bodies import CASES
from tests.functions.generate_ai_content.content_bodies import Case as ContentCase
from tests.provider import Provider
from tests.users import User

ENERGY = 500


@pytest.fixture(scope="module")
def patient(new_user: NewUser) -> User:
    """Return one user whose energy no bad input may change."""
    return new_user(energy=ENERGY)


@pytest.fixture
async def refuse(api: Api, patient: User, database: Database, provider: Provider) -> AsyncIterator[Any]:
    """Send a body and return the refusal; afterwards nothing was held, queued, charged or sent."""

    async def send(status: int, content: bytes, **options: Any) -> dict[str, Any]:  # noqa: ANN401  # passed on
        reply = await api(patient, content=content, **options)
        answer: dict[str, Any] = reply.json()
        assert reply.status_code == status, answer
        assert (answer["success"], reply.headers["access-control-allow-origin"]) == (False, "*")
        assert answer["error"]
        return answer

    yield send
    assert provider.requests() == []
    books = Books(database, patient)
    books.assert_nothing_charged(ENERGY)
    assert books.requests() == []
    queued = database.execute("select count(*) from public.ai_jobs where user_id = %s", [patient.id])
    assert queued.fetchone() == (0,)


def fields(answer: dict[str, Any]) -> list[str]:
    """Return the fields that a refusal names."""
    return [fault["field"] for fault in answer["details"]]


def of_prompt(**more: object) -> dict[str, Any]:
    """Return the body of the prompt shape."""
    return {"prompt": "Say hello to Maria.", **more}


def raw(body: dict[str, Any], **literals: str) -> bytes:
    """Return the body with these words replaced by JSON that Python's own encoder does not write."""
    text = json.dumps(body)
    for word, literal in literals.items():
        text = text.replace(f'"{word}"', literal)
    return text.encode()


HEAD = b'{"messages":[{"role":"user","content":"hi"},{"role":"user","content":"'
TAIL = b'"}],"config":{"action":"ai_message"}}'
PERSON = str(uuid4())

# What is wrong, the body -> the named field.
UNSTORABLE: list[tuple[str, bytes, str]] = [
    ("null character", HEAD + b"a\\u0000b" + TAIL, "messages.1.content"),
    ("high surrogate alone", HEAD + b"\\ud83d" + TAIL, "messages.1.content"),
    ("low surrogate alone", HEAD + b"\\ude00 x" + TAIL, "messages.1.content"),
    ("surrogates in the wrong order", HEAD + b"\\ude00\\ud83d" + TAIL, "messages.1.content"),
    ("null character in a content field", raw({"generationType": "X"}, X='"a\\u0000"'), "generationType"),
    ("null character in a prompt", raw(of_prompt(prompt="X"), X='"a\\u0000"'), "prompt"),
    ("null character in a field nobody knows", raw(flat(extra=["X"]), X='"\\u0000"'), "extra.0"),
    ("null character in a name", b'{"config":{"a\\u0000":1},"messages":[]}', "config.?"),
    ("surrogate in a name", b'{"\\ud83d":1,"messages":[]}', "?"),
    ("markup in a name", b'{"<b>":"\\u0000"}', "?"),
    ("NaN temperature", raw(orchestrated(temperature="X"), X="NaN"), "config.temperature"),
    ("infinite temperature", raw(orchestrated(temperature="X"), X="Infinity"), "config.temperature"),
    ("negative infinite temperature", raw(orchestrated(temperature="X"), X="-Infinity"), "config.temperature"),
    ("temperature beyond all numbers", raw(orchestrated(temperature="X"), X="1e999"), "config.temperature"),
    ("NaN temperature, flat", raw(flat(temperature="X"), X="NaN"), "temperature"),
    ("NaN temperature of a prompt", raw(of_prompt(temperature="X"), X="NaN"), "temperature"),
    ("NaN in a field nobody knows", raw(flat(extra={"a": ["X"]}), X="NaN"), "extra.a.0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"), [row[1:] for row in UNSTORABLE], ids=[row[0] for row in UNSTORABLE]
)
async def test_what_cannot_be_stored_is_refused_by_its_field(refuse: Any, body: bytes, field: str) -> None:  # noqa: ANN401
    """Null characters, lone surrogates and NaN, which the database cannot store, are refused before a hold."""
    answer = await refuse(400, body)
    assert (answer["code"], fields(answer)) == ("invalid_request", [field])
    assert field in answer["error"]


WRONG: list[tuple[dict[str, Any], str]] = [
    (flat(max_tokens=-1), "max_tokens"),
    (of_prompt(max_tokens=-1), "max_tokens"),
    (orchestrated(maxTokens=-(10**30)), "config.maxTokens"),
    (orchestrated(maxTokens=10**30), "config.maxTokens"),
    (orchestrated(temperature="NaN"), "config.temperature"),
    (orchestrated(temperature=[]), "config.temperature"),
    (orchestrated(retryDelay=10**400), "config.retryDelay"),
    (orchestrated(stream="perhaps"), "config.stream"),
    (orchestrated(model={"name": "gpt-4o"}), "config.model"),
    (orchestrated(userId=PERSON + "0"), "config.userId"),
    (flat(generationType={"$ne": None}), "generationType"),
    (flat(messages=HELLO * 500), "messages"),
    (orchestrated() | {"messages": HELLO * 500}, "messages"),
    (orchestrated() | {"messages": {"0": HELLO[0]}}, "messages"),
    (flat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}]}]), "messages.0.content"),
    (of_prompt(prompt=""), "prompt"),
    (of_prompt(prompt=None), "prompt"),
    (of_prompt(prompt=["x"]), "prompt"),
    (of_prompt(user_id="me"), "user_id"),
]  # fmt: skip


@pytest.mark.parametrize("later", [False, True], ids=["at once", "respond-async"])
@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{field} {n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_value_is_refused_by_its_field(
    refuse: Any,  # noqa: ANN401
    body: dict[str, Any],
    field: str,
    later: bool,  # noqa: FBT001
) -> None:
    """A wrong value is refused in every shape, and nothing is queued."""
    headers = {"prefer": "respond-async"} if later else {}
    answer = await refuse(400, json.dumps(body).encode(), headers=headers)
    assert field in fields(answer)
    assert answer["error"].startswith(("Invalid field", "Unknown"))


def nested(levels: int, opening: bytes, closing: bytes) -> bytes:
    """Return a value with many levels."""
    return opening * levels + closing * levels


DEEP: list[tuple[str, bytes]] = [
    ("arrays", b'{"messages":' + nested(100_000, b"[", b"]") + b"}"),
    ("objects", b'{"config":' + nested(100_000, b'{"a":', b"")[:-1] + b"}"),
    ("closed objects", b'{"x":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"),
    ("a field that is an array", b'{"messages":' + nested(700, b"[", b"]") + b"}"),
    ("the configuration", b'{"messages":[],"config":' + nested(700, b"[", b"]") + b"}"),
]


@pytest.mark.parametrize("body", [row[1] for row in DEEP], ids=[row[0] for row in DEEP])
async def test_deep_json_is_refused(refuse: Any, body: bytes) -> None:  # noqa: ANN401
    """JSON of any depth is refused without a recursion error or a 500."""
    assert (await refuse(400, body))["code"] == "invalid_request"


@pytest.mark.parametrize("size", [200_001, 4_500_001, 10_000_000])
@pytest.mark.parametrize("shape", ["orchestrator", "flat", "prompt"])
async def test_a_huge_text_is_too_large_and_the_limit_is_reported(refuse: Any, shape: str, size: int) -> None:  # noqa: ANN401
    """Messages and prompts are limited to 200 kB, a body to 4.5 MB."""
    text = "x" * size
    body = {
        "orchestrator": orchestrated() | {"messages": [{"role": "user", "content": text}]},
        "flat": flat(messages=[{"role": "user", "content": text}]),
        "prompt": of_prompt(prompt=text),
    }[shape]
    answer = await refuse(413, json.dumps(body).encode())
    assert answer["code"] == "payload_too_large"
    assert ("200000" if size == 200_001 else "4500000") in answer["error"]


async def test_many_bytes_in_few_characters_are_too_large(refuse: Any) -> None:  # noqa: ANN401
    """The limit is in bytes as sent on: 60,000 characters of four bytes each exceed it."""
    body = orchestrated() | {"messages": [{"role": "user", "content": "🙏" * 60_000}]}
    answer = await refuse(413, json.dumps(body, ensure_ascii=False).encode())
    assert "200000" in answer["error"]


async def test_an_endless_body_is_cut_off(stack: Stack, patient: User, provider: Provider) -> None:
    """A body without a content length is refused once it exceeds the limit, not read to its end."""
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b" " * 100_000

    headers = {"authorization": f"Bearer {patient.access_token}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        try:
            reply = await client.post(URL, content=chunks(), headers=headers)
        except httpx.WriteError:
            return  # The server answered and closed the connection while the client was still writing.
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    assert provider.requests() == []


JSON = json.dumps(orchestrated()).encode()

TYPES: list[tuple[str, bytes]] = [
    ("application/x-www-form-urlencoded", b"prompt=hello&max_tokens=5"),
    ("application/x-www-form-urlencoded", JSON),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nhi\r\n--x--\r\n'),
    ("application/xml", b"<prompt>hello</prompt>"),
    ("text/html", JSON),
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("application/jsonp", JSON),
    ("nonsense", JSON),
]  # fmt: skip


@pytest.mark.parametrize(("content_type", "body"), TYPES)
async def test_another_content_type_is_refused_by_name(refuse: Any, content_type: str, body: bytes) -> None:  # noqa: ANN401
    """A form is not JSON, and JSON under a form's content type is not read."""
    answer = await refuse(400, body, headers={"content-type": content_type})
    assert (answer["code"], fields(answer)) == ("invalid_request", ["Content-Type"])
    assert "application/json" in answer["error"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.api+json",
        "text/plain;charset=UTF-8",
        "",
    ],
)
async def test_json_under_the_names_that_clients_give_it_is_taken(
    api: Api, new_user: NewUser, content_type: str
) -> None:
    """supabase-js sends any string as `text/plain`."""
    reply = await api(new_user(), content=JSON, headers={"content-type": content_type})
    assert reply.status_code == 200


async def test_plain_text_that_is_no_json_is_refused(refuse: Any) -> None:  # noqa: ANN401
    """The content type is accepted, the content is not."""
    answer = await refuse(400, b"Say hello to Maria.", headers={"content-type": "text/plain"})
    assert answer["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("shape", "field"), [("orchestrator", "config.userId"), ("prompt", "user_id"), ("deep_intel", "user_id")]
)
async def test_a_forged_user_is_forbidden(
    api: Api, new_user: NewUser, database: Database, provider: Provider, shape: str, field: str
) -> None:
    """Identity comes from the token: neither of the two users is charged."""
    user, other = new_user(), new_user()
    body = {
        "orchestrator": orchestrated(userId=other.id),
        "prompt": of_prompt(user_id=other.id),
        "deep_intel": of_prompt(user_id=other.id, mode="deep_intel"),
    }[shape]
    reply = await api(user, body)
    assert (reply.status_code, reply.json()["code"], provider.requests()) == (403, "forbidden", [])
    assert field in reply.json()["error"]
    for each in (user, other):
        Books(database, each).assert_nothing_charged(ENERGY)


FOREIGN = [case for case in CASES if case.kind != "company_analysis"]


@pytest.mark.parametrize("case", FOREIGN, ids=lambda case: case.kind)
async def test_fault_17_a_foreign_prospect_is_not_found_whatever_is_asked_about_them(
    api: Api, new_user: NewUser, database: Database, provider: Provider, case: ContentCase
) -> None:
    """No canary of another tenant's row reaches caller or provider, also where a prospect is optional (fault 17)."""
    user, canary = new_user(), "Canary of somebody else"
    reply = await api(user, case.body(add_prospect(database, new_user(), canary)))
    assert (reply.status_code, reply.json()["code"]) == (404, "prospect_not_found")
    assert canary not in reply.text
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(ENERGY)
