"""The prompt shapes: a prompt answered as text or as an object, for a user or for a job that names one."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.calls import Api
from tests.conftest import Database, NewUser
from tests.provider import Provider

INTEL = 'Analyse Sigla Wellness. Answer with JSON: {"properties": {"summary": {"type": "string"}}}'


def prompted(**fields: object) -> dict[str, Any]:
    """Return a body of the prompt shape."""
    return {"prompt": "Write a caption for Maria.", **fields}


def intel(**fields: object) -> dict[str, Any]:
    """Return a body of the deep-intel shape."""
    return {"prompt": INTEL, "mode": "deep_intel", **fields}


def as_service(stack: Stack) -> dict[str, str]:
    """Return the headers of a job."""
    return {"apikey": stack.secret_key, "authorization": f"Bearer {stack.secret_key}"}


def delivered(reply: httpx.Response) -> dict[str, Any]:
    """Return the body of a success."""
    body: dict[str, Any] = reply.json()
    assert reply.status_code == 200, body
    return body


async def test_a_prompt_is_answered_as_text_for_the_price_of_a_message(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """System prompt, model and limit are sent unchanged to the provider."""
    user = new_user()
    fields = {"system_prompt": "You write captions.", "model": "gpt-4o-mini", "max_tokens": 222}
    body = delivered(await api(user, prompted(**fields)))
    assert body["message"] == body["content"] == body["output"]["message"] != ""
    assert (body["modelName"], body["meta"]["energyConsumed"]) == ("gpt-4o-mini", 3)
    (sent,) = provider.bodies()
    assert sent["messages"] == [
        {"role": "system", "content": "You write captions."},
        {"role": "user", "content": "Write a caption for Maria."},
    ]
    assert (sent["model"], sent["max_tokens"]) == ("gpt-4o-mini", 222)
    (usage,) = Books(database, user).usage()
    assert (usage["action"], usage["success"]) == ("ai_message", True)


async def test_a_prompt_alone_is_enough(api: Api, new_user: NewUser, provider: Provider) -> None:
    """No system message is added."""
    body = delivered(await api(new_user(), prompted(system_prompt="")))
    assert body["meta"]["energyConsumed"] == 10
    assert [entry["role"] for entry in provider.bodies()[0]["messages"]] == ["user"]


async def test_deep_intel_gives_the_object_that_the_prompt_asks_for(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """`output` is the structured result itself; the price is that of a deep scan."""
    user = new_user()
    body = delivered(await api(user, intel(user_id=user.id, model="gpt-4o")))
    assert set(body["output"]) == {"summary"}
    assert (body["message"], body["content"], body["meta"]["energyConsumed"]) == (None, None, 25)
    (sent,) = provider.bodies()
    assert sent["response_format"] == {"type": "json_object"}
    assert sent["messages"][1] == {"role": "user", "content": INTEL}
    books = Books(database, user)
    assert (books.energy(), books.usage()[0]["action"]) == (475, "ai_deep_scan")
    assert books.generations()[0]["output_data"] == body["output"]


async def test_deep_intel_that_stays_broken_is_an_error_and_free(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """An incomplete object is repaired once, then the reply is a 502."""
    user = new_user()
    provider.fail({"kind": "length", "times": 8})
    reply = await api(user, intel())
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    Books(database, user).assert_nothing_charged(500)


@pytest.mark.parametrize("body", [prompted(), intel()], ids=["prompt", "deep intel"])
async def test_the_service_key_acts_for_the_user_that_it_names(
    stack: Stack, api: Api, new_user: NewUser, database: Database, body: dict[str, Any]
) -> None:
    """The named user pays and owns the result."""
    user = new_user()
    reply = delivered(await api(None, body | {"user_id": user.id}, headers=as_service(stack)))
    assert Books(database, user).energy() == 500 - reply["meta"]["energyConsumed"]
    assert str(Books(database, user).generations()[0]["id"]) == reply["generationId"]


@pytest.mark.parametrize("body", [prompted(), intel()], ids=["prompt", "deep intel"])
async def test_the_service_key_must_name_a_user(stack: Stack, api: Api, body: dict[str, Any]) -> None:
    """The user, who pays, must be named and exist."""
    reply = await api(None, body, headers=as_service(stack))
    assert (reply.status_code, reply.json()["details"][0]["field"]) == (400, "user_id")
    nobody = await api(None, body | {"user_id": str(uuid4())}, headers=as_service(stack))
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthorized")


async def test_the_service_key_serves_no_other_shape(stack: Stack, api: Api, new_user: NewUser) -> None:
    """In the other shapes a user named in a body proves nothing."""
    user = new_user()
    bodies: list[dict[str, Any]] = [
        {"generationType": "booking", "user_id": user.id},
        {
            "messages": [{"role": "user", "content": "x"}],
            "config": {"action": "ai_message", "userId": user.id},
        },
    ]
    for body in bodies:
        reply = await api(None, body, headers=as_service(stack))
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("body", [prompted(), intel()], ids=["prompt", "deep intel"])
async def test_no_caller_prompts_in_the_name_of_another_user(
    api: Api, new_user: NewUser, database: Database, provider: Provider, body: dict[str, Any]
) -> None:
    """Identity comes from the token; with the anonymous key the reply is a 401, as in the old function."""
    user, other = new_user(), new_user()
    stolen = await api(user, body | {"user_id": other.id})
    assert (stolen.status_code, stolen.json()["code"]) == (403, "forbidden")
    anonymous = await api(None, body | {"user_id": other.id})
    assert (anonymous.status_code, anonymous.json()["error"]) == (401, "Unauthorized")
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(500)
    Books(database, other).assert_nothing_charged(500)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", ["x"]),
        ("prompt", None),
        ("system_prompt", 7),
        ("max_tokens", 0),
        ("max_tokens", -5),
        ("temperature", 2.5),
        ("user_id", "me"),
        ("model", 4),
    ],
)
async def test_a_wrong_field_of_a_prompt_is_refused_by_its_name(
    api: Api, new_user: NewUser, database: Database, field: str, value: object
) -> None:
    """The reply is a 400 before anything is held."""
    user = new_user()
    reply = await api(user, prompted(**{field: value}))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert [fault["field"] for fault in reply.json()["details"]] == [field]
    assert Books(database, user).requests() == []


async def test_an_unknown_model_of_a_prompt_is_refused(api: Api, new_user: NewUser) -> None:
    """It is refused as in the other shapes."""
    reply = await api(new_user(), prompted(model="gpt-99"))
    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_model")


async def test_a_prompt_over_the_limit_is_too_large(api: Api, new_user: NewUser, database: Database) -> None:
    """The limit is 200 kB, as for messages; the error says so."""
    user = new_user()
    reply = await api(user, prompted(prompt="x" * 200_000))
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")
    assert "200000 bytes" in reply.json()["error"]
    Books(database, user).assert_nothing_charged(500)


async def test_a_mode_that_means_nothing_is_a_plain_prompt(api: Api, new_user: NewUser) -> None:
    """Unknown extra values of older callers are ignored."""
    body = delivered(await api(new_user(), prompted(mode="chat")))
    assert (body["meta"]["energyConsumed"], body["message"]) == (10, body["output"]["message"])
