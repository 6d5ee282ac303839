"""Events as the platform sends them, to the zips under the real runtime: calls, warm-up events, invalid events."""

import base64
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local.gateway import function_apps
from local.stack.stack import Stack
from tests.books import Books
from tests.calls import orchestrated
from tests.conftest import Database, NewUser
from tests.e2e.lambdas import StartLambda, event, recorded
from tests.functions.public_chatbot_chat.test_address import hashed, kept
from tests.proofs.chat_pages import open_page
from tests.runtime_api import RuntimeApi
from tests.users import User

WARMING = ["scheduled", "scheduler", "warmup_plugin", "warmup", "warmer"]
COOKIES = "sb-session=abc; theme=dark"
UNTOUCHED = ["http_api", "function_url"]


def call(name: str, stack: Stack, user: User | None, body: object) -> dict[str, Any]:
    """Turn a recorded event into a call of a user with a body, without the header for an asynchronous reply."""
    made: dict[str, Any] = recorded(name)
    made["headers"].pop("prefer", None)
    made["headers"] |= {"apikey": stack.publishable_key, "content-type": "application/json"}
    if user is not None:
        made["headers"]["authorization"] = f"Bearer {user.access_token}"
    text = body if isinstance(body, str) else json.dumps(body)
    return made | {"body": text, "isBase64Encoded": False}


def in_base64(made: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Return the event with its body in base64, as the platform sends binary data."""
    return {**made, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def code_of(answer: Mapping[str, Any]) -> tuple[int, str]:
    """Return the status and the code of an error."""
    return answer["statusCode"], json.loads(answer["body"])["code"]


def test_the_fields_of_an_event_reach_the_app(
    start_lambda: StartLambda, lambda_roots: dict[str, Path]
) -> None:
    """Cookies, repeated headers, queries, the platform's source address and the body's bytes reach the app."""
    root = lambda_roots["generate-ai-content"]
    shutil.copy(Path(__file__).with_name("echo.py"), root / "echo.py")
    with start_lambda("generate-ai-content", "echo") as api:
        answers = [api.invoke(recorded(name)).answer for name in (*UNTOUCHED, "http_api_base64")]
    by_api, by_url, binary = [json.loads(answer["body"]) for answer in answers]
    assert [answer["cookies"] for answer in answers] == [["a=1", "b=2"]] * 3
    assert (by_api["headers"]["cookie"], by_url["headers"]["cookie"]) == (COOKIES, COOKIES)
    assert by_api["headers"]["prefer"] == "wait=5,respond-async"
    assert by_api["query"] == "tag=a&tag=b&q=caf%C3%A9%20au%20lait"
    assert [received["address"] for received in (by_api, by_url)] == ["203.0.113.7", "2001:db8:1:2::7"]
    assert [received["body"] for received in (by_api, by_url, binary)] == ["7b7d", "7b7d", "89504e4700ff"]
    assert {(received["method"], received["path"]) for received in (by_api, by_url, binary)} == {
        ("POST", "/functions/v1/generate-ai-content")
    }


@pytest.mark.parametrize("name", UNTOUCHED)
@pytest.mark.parametrize("binary", [False, True])
def test_a_call_by_either_address_is_served_and_charged_alike(
    lambda_api: RuntimeApi, stack: Stack, new_user: NewUser, database: Database, name: str, *, binary: bool
) -> None:
    """A call is served and charged alike by the HTTP API and the function URL, as text and in base64."""
    user = new_user("pro", 500)
    made = call(name, stack, user, orchestrated())
    if binary:
        made = in_base64(made, made["body"].encode())
    answer = lambda_api.invoke(made).answer
    assert answer["statusCode"] == 200, answer
    assert Books(database, user).energy() == 490


@pytest.mark.parametrize("name", UNTOUCHED)
def test_health_is_returned_by_either_address(lambda_api: RuntimeApi, stack: Stack, name: str) -> None:
    """A GET without a body returns the health by either address."""
    made = call(name, stack, None, "")
    made["requestContext"]["http"] |= {"method": "GET", "path": made["rawPath"] + "/health"}
    del made["body"]
    answer = lambda_api.invoke(made).answer
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "ok")


def test_bytes_that_are_no_text_are_refused_as_a_body(
    lambda_api: RuntimeApi, stack: Stack, new_user: NewUser
) -> None:
    """An image in place of JSON is an error for the caller, and not for the platform."""
    made = call("http_api_base64", stack, new_user("pro", 500), "")
    refused = lambda_api.invoke(in_base64(made, b"\x89PNG\x00\xff"))
    assert (refused.failed, code_of(refused.answer)) == (False, (400, "invalid_request"))


def test_what_a_caller_writes_warms_nothing(lambda_api: RuntimeApi, stack: Stack) -> None:
    """A caller's body with the words of a warm-up event is an ordinary call."""
    for words in ("warmup", "warmup_plugin", "scheduled"):
        made = call("http_api", stack, None, recorded(words))
        assert lambda_api.invoke(made).answer["statusCode"] == 401


def test_a_visitor_counts_by_the_address_that_the_platform_saw(
    start_lambda: StartLambda, stack: Stack, database: Database, new_user: NewUser
) -> None:
    """Limits use the platform's source address, IPv6 by its network, and not a header of the caller."""
    page = open_page(database, new_user().id)
    said = {"sessionId": page.session_id, "userId": page.owner_id, "message": "Hi"}
    with start_lambda("public-chatbot-chat") as api:
        for name in UNTOUCHED:
            made = call(name, stack, None, said)
            made["requestContext"]["http"]["path"] = "/functions/v1/public-chatbot-chat"
            answer = api.invoke(made).answer
            assert answer["statusCode"] == 200, answer
    assert kept(database, page) == [hashed("203.0.113.7"), hashed("2001:db8:1:2::/64")]


@pytest.mark.parametrize("name", function_apps.names())
def test_a_warm_up_event_is_answered_without_a_log_line(
    start_lambda: StartLambda, lambda_roots: dict[str, Path], stack: Stack, name: str
) -> None:
    """A warm-up event writes no log line; any other unknown event is an error for the platform."""
    log = lambda_roots[name].with_suffix(".log")
    with start_lambda(name) as api:
        assert api.invoke(event(name, stack, None, {}, "/health")).answer["statusCode"] == 200
        before = log.read_text()
        assert "request.finished" in before
        warmed = [api.invoke(recorded(each)) for each in WARMING]
        assert [(each.failed, each.answer) for each in warmed] == [(False, {"warm": True})] * len(WARMING)
        assert log.read_text() == before
        assert api.invoke(recorded("sqs")).failed
        assert api.invoke(event(name, stack, None, {}, "/health")).answer["statusCode"] == 200


@pytest.mark.parametrize("what", recorded("malformed"))
def test_what_is_no_event_of_a_function_is_reported(lambda_api: RuntimeApi, stack: Stack, what: str) -> None:
    """The runtime gets an error, and the next event is answered."""
    assert lambda_api.invoke(recorded("malformed")[what]).failed
    health = lambda_api.invoke(event("generate-ai-content", stack, None, {}, "/health"))
    assert health.answer["statusCode"] == 200


def test_a_worker_gives_back_the_messages_that_it_cannot_read(start_lambda: StartLambda) -> None:
    """The message of a deleted scan is done; invalid and foreign messages come again; a schedule is an error."""
    failures = [
        {"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"},
        {"itemIdentifier": "7c0e6a52-2d1b-4c7e-9a35-0a8f5f3b2d11"},
    ]
    with start_lambda("scan-processor-v2", "functions.scan_processor_v2.queue_handler") as worker:
        for _ in range(2):
            assert worker.invoke(recorded("sqs")).answer == {"batchItemFailures": failures}
            assert worker.invoke(recorded("scheduled")).failed


def test_the_sweep_answers_its_schedule(start_lambda: StartLambda) -> None:
    """The sweep answers the rule's event with counts."""
    with start_lambda("scan-processor-v2", "shared.lambda_.schedule") as sweep:
        answer = sweep.invoke(recorded("scheduled"))
    assert (answer.failed, "jobs_resent" in answer.answer) == (False, True)
