"""What is refused before a provider is called: callers, prospects, and every kind of wrong body."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from local.stack.stack import Stack
from tests.books import Books, add_prospect
from tests.calls import HELLO, Api, flat, message, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider
from tests.users import User


@pytest.mark.parametrize(
    "who", ["nobody", "anonymous", "anonymous alike", "bad token", "service", "service alike"]
)
async def test_fault_11_only_a_signed_in_user_is_served(
    api: Api, new_user: NewUser, stack: Stack, provider: Provider, who: str
) -> None:
    """Keys and invalid tokens get 401, and nothing is sent (fault 11)."""
    headers: dict[str, str] = {
        "nobody": {"apikey": ""},
        "anonymous": {},
        "anonymous alike": {"authorization": f"Bearer {stack.publishable_key}"},
        "bad token": {"authorization": f"Bearer {new_user().access_token}x"},
        "service": {"apikey": stack.secret_key},
        "service alike": {"apikey": stack.secret_key, "authorization": f"Bearer {stack.secret_key}"},
    }[who]
    reply = await api(None, orchestrated(), headers=headers)
    assert (reply.status_code, reply.json()["code"], reply.json()["error"]) == (
        401, "unauthorized", "Unauthorized",
    )  # fmt: skip
    assert reply.headers["access-control-allow-origin"] == "*"
    assert provider.requests() == []


@pytest.mark.parametrize("shape", ["content", "orchestrator", "flat"])
@pytest.mark.parametrize("whose", ["another's", "missing"])
async def test_fault_17_a_prospect_that_is_not_the_callers_is_not_found(
    api: Api, new_user: NewUser, database: Database, provider: Provider, whose: str, shape: str
) -> None:
    """Both get 404 without a charge or a request: no word of another tenant's row (fault 17)."""
    user = new_user()
    canary = "Canary of somebody else"
    prospect_id = add_prospect(database, new_user(), canary) if whose == "another's" else str(uuid4())
    body = {
        "content": message(prospect_id),
        "orchestrator": orchestrated(prospectId=prospect_id),
        "flat": flat(prospectId=prospect_id),
    }[shape]
    reply = await api(user, body)
    assert (reply.status_code, reply.json()["code"], reply.json()["error"]) == (
        404, "prospect_not_found", "Prospect not found",
    )  # fmt: skip
    assert canary not in reply.text
    assert provider.requests() == []
    books = Books(database, user)
    books.assert_nothing_charged(500)
    (usage,) = books.usage()
    assert (usage["success"], usage["error_code"], usage["cost_usd"]) == (False, "prospect_not_found", 0)
    assert (books.attempts(), [row["state"] for row in books.requests()]) == ([], ["released"])


async def test_an_administrator_finds_no_prospect_of_others(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The owner's id is a separate filter, whatever the policies show (fault 17)."""
    admin = new_user()
    database.execute("insert into public.admin_users (user_id) values (%s)", [admin.id])
    reply = await api(admin, message(add_prospect(database, new_user())))
    assert (reply.status_code, provider.requests()) == (404, [])


async def test_skip_prospect_validation_leaves_the_prospect_out(
    api: Api, new_user: NewUser, database: Database
) -> None:
    """This switch of older callers opens nothing: another user's prospect is neither read nor recorded."""
    user = new_user()
    foreign = add_prospect(database, new_user())
    reply = await api(user, flat(prospectId=foreign, skipProspectValidation=True))
    assert reply.status_code == 200
    assert Books(database, user).usage()[0]["prospect_id"] is None


async def test_another_users_id_in_the_configuration_is_forbidden(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Identity comes from the token: the reply is a 403, and neither of the two is charged."""
    user, other = new_user(), new_user()
    reply = await api(user, orchestrated(userId=other.id))
    assert (reply.status_code, reply.json()["code"], provider.requests()) == (403, "forbidden", [])
    for each in (user, other):
        Books(database, each).assert_nothing_charged(500)


async def test_a_deleted_user_with_a_valid_token_is_unauthorized(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The token is valid for an hour after the deletion; nothing is created for it."""
    user = new_user()
    database.execute("delete from auth.users where id = %s", [user.id])
    reply = await api(user, orchestrated())
    assert (reply.status_code, provider.requests()) == (401, [])
    assert database.execute("select 1 from public.user_energy where user_id = %s", [user.id]).fetchall() == []


PROSPECT = "d0000000-0000-4000-8000-000000000001"
TONES = ["professional", "friendly", "casual", "warm", "direct", "confident", "empathetic", "persuasive"]
GOALS = ["recruit", "sell", "book_call", "introduce", "follow_up", "reconnect", "nurture", "close"]
CHANNELS = ["web", "facebook", "messenger", "whatsapp", "viber", "email", "sms", "linkedin"]
LANGUAGES = ["english", "filipino", "taglish", "cebuano", "spanish", "auto"]
KINDS = [
    "first_outreach", "follow_up", "reconnect", "nurture", "book_call", "objection", "closing", "slow_nurture",
]  # fmt: skip
ACTIONS = [
    "ai_message", "ai_scan", "ai_follow_up_sequence", "ai_objection_handler", "ai_pitch_deck",
    "ai_chatbot_response", "ai_deep_scan", "ai_company_analysis",
]  # fmt: skip
ROLES = ["system", "user", "assistant", "developer"]

Wrong = tuple[dict[str, Any], str, str, list[str] | None]

# Body -> code, the field that details names, its allowed values where there are some.
WRONG: list[Wrong] = [
    ({}, "invalid_request", "generationType", None),
    ({"generationType": None}, "invalid_request", "generationType", None),
    ({"generationType": "message"}, "invalid_request", "prospectId", None),
    (message("none"), "invalid_request", "prospectId", None),
    (message(""), "invalid_request", "prospectId", None),
    (message(PROSPECT, tone="angry"), "invalid_request", "tone", TONES),
    (message(PROSPECT, tone=5), "invalid_request", "tone", TONES),
    (message(PROSPECT, goal="spam"), "invalid_request", "goal", GOALS),
    (message(PROSPECT, intent="spam"), "invalid_request", "goal", GOALS),
    (message(PROSPECT, channel="fax"), "invalid_request", "channel", CHANNELS),
    (message(PROSPECT, language="klingon"), "invalid_request", "language", LANGUAGES),
    (message(PROSPECT, messageType="threat"), "invalid_request", "messageType", KINDS),
    (message(PROSPECT, industry="x" * 501), "invalid_request", "industry", None),
    (message(PROSPECT, persona=["x"]), "invalid_request", "persona", None),
    (message(PROSPECT, context="x" * 20_001), "invalid_request", "context", None),
    ({"generationType": "poem", "prospectId": PROSPECT}, "unknown_generation_type", "generationType", None),
    ({"generationType": 7}, "unknown_generation_type", "generationType", None),
    ({"generationType": ["message"]}, "unknown_generation_type", "generationType", None),
    ({"generationType": {"a": 1}}, "unknown_generation_type", "generationType", None),
    ({"messages": HELLO}, "invalid_request", "generationType", None),
    (flat(generationType="message"), "unknown_action", "generationType", ACTIONS),
    (flat(generationType=["ai_message"]), "unknown_action", "generationType", ACTIONS),
    (orchestrated(action="ai_poem"), "unknown_action", "config.action", ACTIONS),
    ({"messages": HELLO, "config": {}}, "invalid_request", "config.action", None),
    ({"messages": HELLO, "config": None}, "invalid_request", "config", None),
    ({"messages": HELLO, "config": []}, "invalid_request", "config", None),
    (orchestrated(userId="me"), "invalid_request", "config.userId", None),
    (orchestrated(temperature=2.1), "invalid_request", "config.temperature", None),
    (orchestrated(temperature=-0.1), "invalid_request", "config.temperature", None),
    (orchestrated(temperature="hot"), "invalid_request", "config.temperature", None),
    (orchestrated(maxTokens=0), "invalid_request", "config.maxTokens", None),
    (orchestrated(maxTokens=-1), "invalid_request", "config.maxTokens", None),
    (orchestrated(maxTokens=1.5), "invalid_request", "config.maxTokens", None),
    (orchestrated(retryAttempts=6), "invalid_request", "config.retryAttempts", None),
    (orchestrated(retryAttempts=-1), "invalid_request", "config.retryAttempts", None),
    (orchestrated(retryDelay=-1), "invalid_request", "config.retryDelay", None),
    (orchestrated(prospectId="x"), "invalid_request", "config.prospectId", None),
    (orchestrated(transactionId="x" * 501), "invalid_request", "config.transactionId", None),
    (orchestrated() | {"messages": []}, "invalid_request", "messages", None),
    (orchestrated() | {"messages": "hi"}, "invalid_request", "messages", None),
    (orchestrated() | {"messages": None}, "invalid_request", "messages", None),
    (orchestrated() | {"messages": HELLO * 201}, "invalid_request", "messages", None),
    (orchestrated() | {"messages": [{"role": "tool", "content": "x"}]}, "invalid_request", "messages.0.role", ROLES),
    (orchestrated() | {"messages": [{"role": "user"}]}, "invalid_request", "messages.0.content", None),
    (orchestrated() | {"messages": [{"role": "user", "content": ""}]}, "invalid_request", "messages.0.content", None),
    (orchestrated() | {"messages": [None]}, "invalid_request", "messages.0", None),
    (flat(max_tokens="many"), "invalid_request", "max_tokens", None),
    (flat(temperature=3), "invalid_request", "temperature", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def patient(new_user: NewUser) -> User:
    """Return one user whose energy no wrong body may change."""
    return new_user()


@pytest.mark.parametrize(("body", "code", "field", "allowed"), WRONG)
async def test_a_wrong_field_is_named_with_what_it_may_be(
    api: Api, patient: Any, database: Database, provider: Provider,  # noqa: ANN401
    body: dict[str, Any], code: str, field: str, allowed: list[str] | None,
) -> None:  # fmt: skip
    """The reply is a 400, `details` names the field, `error` is a sentence; nothing is held, charged or sent."""
    reply = await api(patient, body)
    answer = reply.json()
    assert (reply.status_code, answer["code"]) == (400, code), answer
    assert isinstance(answer["error"], str)
    assert field in [fault["field"] for fault in answer["details"]]
    if allowed is not None:
        (fault,) = [fault for fault in answer["details"] if fault["field"] == field]
        assert fault["allowed"] == allowed
        assert ", ".join(allowed) in answer["error"]
    assert provider.requests() == []
    assert Books(database, patient).requests() == []
    Books(database, patient).assert_nothing_charged(500)


async def test_an_unknown_generation_type_lists_the_known_ones(api: Api, patient: User) -> None:
    """The error lists content types and message types."""
    answer = (await api(patient, {"generationType": "poem"})).json()
    assert {"message", *KINDS} <= set(answer["details"][0]["allowed"])


async def test_several_wrong_fields_are_all_named(api: Api, patient: User) -> None:
    """All errors of a body are reported at once."""
    answer = (await api(patient, message(PROSPECT, tone="x", goal="y", channel="z"))).json()
    assert sorted(fault["field"] for fault in answer["details"]) == ["channel", "goal", "tone"]


async def test_what_was_sent_is_not_repeated_in_an_error(api: Api, patient: User) -> None:
    """The page shows the error's message, which contains no value of the caller."""
    reply = await api(patient, message("<script>alert(1)</script>", tone="<b>x</b>"))
    assert "<" not in reply.text


def deep(levels: int) -> bytes:
    """Return a JSON object whose one field is a nested array with this number of levels."""
    return b'{"messages":' + b"[" * levels + b"]" * levels + b"}"


HEAD = b'{"messages":[{"role":"user","content":"'
TAIL = b'"}],"config":{"action":"ai_message"}}'

# Bytes on the wire -> status, code.
BODIES: list[tuple[str, bytes, int, str]] = [
    ("null byte", HEAD + b"a\\u0000b" + TAIL, 400, "invalid_request"),
    ("raw null byte", HEAD + b"a\x00b" + TAIL, 400, "invalid_request"),
    ("lone surrogate", HEAD + b"\\ud83d" + TAIL, 400, "invalid_request"),
    ("not UTF-8", HEAD + b"\xff\xfe" + TAIL, 400, "invalid_request"),
    ("NaN", b'{"messages":[],"config":{"action":"ai_message","temperature":NaN}}', 400, "invalid_request"),
    ("infinity", b'{"messages":[],"config":{"action":"ai_message","temperature":1e999}}', 400, "invalid_request"),
    ("huge integer", b'{"generationType":' + b"9" * 5000 + b"}", 400, "invalid_request"),
    ("empty", b"", 400, "invalid_request"),
    ("not JSON", b"hello", 400, "invalid_request"),
    ("half JSON", b'{"messages":', 400, "invalid_request"),
    ("array", b"[]", 400, "invalid_request"),
    ("string", b'"x"', 400, "invalid_request"),
    ("null", b"null", 400, "invalid_request"),
    ("deep", deep(100_000), 400, "invalid_request"),
    ("rather deep", deep(900), 400, "invalid_request"),
    ("over the limit of a body", HEAD + b"x" * 4_500_001 + TAIL, 413, "payload_too_large"),
    ("over the limit of messages", HEAD + b"x" * 200_001 + TAIL, 413, "payload_too_large"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "code"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
async def test_a_body_that_cannot_be_taken_is_refused_clearly(
    api: Api, patient: Any, database: Database, provider: Provider,  # noqa: ANN401
    body: bytes, status: int, code: str,
) -> None:  # fmt: skip
    """The reply is a 4xx in the contract's shape; nothing is held, charged or sent."""
    reply = await api(patient, content=body)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers["access-control-allow-origin"] == "*"
    assert provider.requests() == []
    assert Books(database, patient).requests() == []


async def test_a_payload_that_is_too_large_says_which_limit(api: Api, patient: User) -> None:
    """The error states the exceeded limit in bytes."""
    whole = (await api(patient, content=HEAD + b"x" * 4_500_001 + TAIL)).json()["error"]
    messages = (await api(patient, content=HEAD + b"x" * 200_001 + TAIL)).json()["error"]
    assert "4500000" in whole
    assert "200000" in messages


async def test_a_prompt_beyond_what_was_held_is_refused_and_nothing_charged(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """20,000 characters are accepted unless their bytes exceed the prompt's limit: then a 413 says which."""
    user = new_user()
    prospect_id = add_prospect(database, user)
    reply = await api(user, message(prospect_id, context="🙏" * 20_000))
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    assert "48000" in reply.json()["error"]
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(500)
    assert (await api(user, message(prospect_id, context="x" * 20_000))).status_code == 200


@pytest.mark.parametrize(
    "text", ["\\u0000 as six letters", "Kumusta po 👩‍👩‍👧 ñ ü", "\u202ertl", "{}$name%s", "'; --"]
)
async def test_unusual_text_is_served(api: Api, new_user: NewUser, provider: Provider, text: str) -> None:
    """Text that looks like an escape, a format or a statement is only text."""
    body = orchestrated() | {"messages": [{"role": "user", "content": text}]}
    assert (await api(new_user(), body)).status_code == 200
    assert provider.bodies()[0]["messages"][0]["content"] == text


async def test_an_expired_looking_or_foreign_bearer_beside_a_good_key_is_refused(
    api: Api, new_user: NewUser, provider: Provider
) -> None:
    """A bad token is never replaced by the key beside it (fault 11)."""
    forged = replace(new_user(), access_token="eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.")
    assert (await api(forged, orchestrated())).status_code == 401
    assert provider.requests() == []
