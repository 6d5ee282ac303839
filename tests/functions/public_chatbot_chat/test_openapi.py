"""The chat's OpenAPI document: replies match it, and requests generated from it never cause a 5xx."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from schemathesis import GenerationMode

from functions.public_chatbot_chat.openapi import document
from local.stack.stack import Stack
from tests.books import add_prospect
from tests.conftest import Database, NewUser
from tests.functions.openapi_contract import CONFIG, Requester, send_generated, unlimited, validator_of
from tests.functions.public_chatbot_chat.assistant_chat import URL, events_of
from tests.provider import Provider
from tests.users import User

MUCH_ENERGY = 1_000_000
UNLIMITED = 1_000_000

SCHEMA = schemathesis.openapi.from_dict(document(), config=CONFIG)
CHAT = SCHEMA[URL]["POST"]


def page_of(database: Database, owner: User) -> str:
    """Open a session on the owner's page; return its id."""
    session_id = str(uuid4())
    database.execute(
        "insert into public.chatbot_settings (user_id, fixed_chatbot_id) values (%s, %s)",
        [owner.id, f"page-{session_id}"],
    )
    database.execute(
        "insert into public.public_chat_sessions (id, user_id, session_slug) values (%s, %s, 's')",
        [session_id, owner.id],
    )
    return session_id


@pytest.fixture(scope="module")
def requesters(stack: Stack, database: Database, new_user: NewUser) -> Iterator[dict[str, Requester]]:
    """Yield a visitor and a user of one workspace with much energy, without limits of calls."""
    owner = new_user(energy=MUCH_ENERGY)
    session_id, conversation_id = page_of(database, owner), str(uuid4())
    database.execute(
        "insert into public.assistant_conversations (id, user_id) values (%s, %s)",
        [conversation_id, owner.id],
    )
    key = {"apikey": stack.publishable_key}
    token = key | {"authorization": f"Bearer {owner.access_token}"}
    own = {
        "userId": owner.id,
        "sessionId": session_id,
        "conversationId": conversation_id,
        "prospectId": add_prospect(database, owner),
    }
    limits = {
        "visitor_session_calls_per_minute": UNLIMITED,
        "visitor_address_calls_per_minute": UNLIMITED,
        "visitor_energy_per_day": UNLIMITED,
        "visitor_cost_usd_per_day": UNLIMITED,
    }
    with (
        unlimited(database, "ai_tiers", calls_per_minute=UNLIMITED),
        unlimited(database, "ai_policy", **limits),
    ):
        yield {
            "visitor": Requester(stack.url, key, own, left_out={"systemInstruction", "transformMode"}),
            "user": Requester(stack.url, token, own),
        }


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("who", ["visitor", "user"])
def test_generated_requests_are_answered_as_documented(
    requesters: dict[str, Requester], provider: Provider, who: str, mode: GenerationMode
) -> None:
    """Valid or not, no request gets a 5xx, and status, headers and body match the document."""
    del provider
    send_generated(CHAT, requesters[who], mode, 80)


@pytest.mark.soak
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("who", ["visitor", "user"])
def test_thousands_of_generated_requests_are_answered_as_documented(
    requesters: dict[str, Requester], provider: Provider, who: str, mode: GenerationMode
) -> None:
    """The same holds for thousands of requests."""
    del provider
    send_generated(CHAT, requesters[who], mode, 2_000)


SHAPES = ["Visitor", "Assistant", "Transform"]


def body_of(shape: str, owner: User, session_id: str) -> dict[str, Any]:
    """Return a valid body of a shape."""
    bodies: dict[str, dict[str, Any]] = {
        "Visitor": {"message": "Magkano po?", "sessionId": session_id, "userId": owner.id},
        "Assistant": {"message": "Sino ang uunahin ko?"},
        "Transform": {"message": "Barley", "transformMode": True, "systemInstruction": "Rewrite."},
    }
    return bodies[shape]


def said(
    stack: Stack, shape: str, owner: User, body: dict[str, Any], key: bytes | None = None
) -> httpx.Response:
    """Return the reply to a body with the key or the token of its shape."""
    headers = {b"apikey": stack.publishable_key.encode()}
    if shape != "Visitor":
        headers[b"authorization"] = f"Bearer {owner.access_token}".encode()
    if key is not None:
        headers[b"idempotency-key"] = key
    return httpx.post(f"{stack.url}{URL}", json=body, headers=headers, timeout=60)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_answer_matches_its_own_schema(
    stack: Stack, new_user: NewUser, database: Database, shape: str
) -> None:
    """It matches no other schema, so a visitor's answer cannot contain a user's fields."""
    owner = new_user()
    body = body_of(shape, owner, page_of(database, owner))
    validator_of(document(), f"{shape}Request").validate(body)
    reply = said(stack, shape, owner, body)
    assert reply.status_code == 200
    fitting = [name for name in SHAPES if validator_of(document(), f"{name}Reply").is_valid(reply.json())]
    assert fitting == [shape]


def test_a_fallback_matches_the_document(stack: Stack, new_user: NewUser, database: Database) -> None:
    """An answer without a model matches its schema too."""
    owner = new_user(energy=0)
    reply = said(stack, "Visitor", owner, body_of("Visitor", owner, page_of(database, owner)))
    assert (reply.status_code, reply.json()["fallback"]) == (200, True)
    validator_of(document(), "VisitorReply").validate(reply.json())


@pytest.mark.parametrize(
    "key", ["", "a b", "é", "k" * 256, "k" * 6_000], ids=["empty", "space", "accent", "256", "6000"]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_key_that_cannot_be_kept_is_refused_in_every_shape(
    stack: Stack, new_user: NewUser, database: Database, shape: str, key: str
) -> None:
    """The 400 names the header: the database's index cannot store thousands of letters."""
    owner = new_user()
    body = body_of(shape, owner, page_of(database, owner))
    reply = said(stack, shape, owner, body, key.encode())
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert [fault["field"] for fault in reply.json()["details"]] == ["Idempotency-Key"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fault", [None, {"kind": "cut", "after_chunks": 3}], ids=["whole", "broken"])
def test_every_event_of_a_stream_matches_the_document(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider, shape: str, fault: dict[str, Any] | None
) -> None:  # fmt: skip
    """This holds for a stream that succeeds, and for one that the provider breaks."""
    owner = new_user()
    if fault is not None:
        provider.fail(fault)
    body = body_of(shape, owner, page_of(database, owner))
    events = events_of(said(stack, shape, owner, body | {"stream": True}))
    assert (events[0]["type"], events[-1]["type"]) == ("meta", "error" if fault else "done")
    for event in events:
        validator_of(document(), "StreamEvent").validate(json.loads(json.dumps(event)))
