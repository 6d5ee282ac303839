"""The OpenAPI document: replies match it, and requests generated from it never cause a 5xx."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode

from functions.generate_ai_content.openapi import document
from local.stack.stack import Stack
from tests.books import add_prospect
from tests.calls import URL, Api, orchestrated
from tests.conftest import Database, NewUser
from tests.functions.generate_ai_content.content_bodies import CASES, NOTES
from tests.functions.generate_ai_content.content_bodies import Case as ContentCase
from tests.functions.openapi_contract import CONFIG, Requester, send_generated, unlimited, validator_of
from tests.provider import Provider

MUCH_ENERGY = 1_000_000
UNLIMITED = 1_000_000

SCHEMA = schemathesis.openapi.from_dict(document(), config=CONFIG)
OPERATIONS = {"generate": SCHEMA[URL]["POST"], "find": SCHEMA[f"{URL}/requests/{{request_id}}"]["GET"]}


@pytest.fixture(scope="module")
def requester(stack: Stack, database: Database, new_user: NewUser) -> Iterator[Requester]:
    """Yield a user with much energy, without the limit of calls per minute."""
    user = new_user(energy=MUCH_ENERGY)
    headers = {"apikey": stack.publishable_key, "authorization": f"Bearer {user.access_token}"}
    ids = {"prospectId": add_prospect(database, user), "userId": user.id, "user_id": user.id}
    with unlimited(database, "ai_tiers", calls_per_minute=UNLIMITED):
        yield Requester(stack.url, headers, ids, left_out={"model", "fallbackModel", "fallback_model"})


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("name", "examples"), [("generate", 120), ("find", 25)])
def test_generated_requests_are_answered_as_documented(
    requester: Requester, provider: Provider, name: str, examples: int, mode: GenerationMode
) -> None:
    """Valid or not, no request gets a 5xx, and status, headers and body match the document."""
    del provider
    send_generated(OPERATIONS[name], requester, mode, examples)


@pytest.mark.soak
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_thousands_of_generated_requests_are_answered_as_documented(
    requester: Requester, provider: Provider, mode: GenerationMode
) -> None:
    """The same holds for thousands of requests."""
    del provider
    send_generated(OPERATIONS["generate"], requester, mode, 3_000)


def validator(name: str) -> Draft202012Validator:
    """Return a validator of one schema of the document."""
    return validator_of(document(), name)


# The orchestrator and prompt shapes differ from these by the request, not by the reply.
OUTPUTS = {
    "message": "MessageOutput",
    "sequence": "SequenceOutput",
    "objection": "ObjectionOutput",
    "booking": "BookingOutput",
    "revival": "RevivalOutput",
    "referral": "ReferralOutput",
    "call": "CallOutput",
    "social": "SocialOutput",
    "deck": "DeckOutput",
    "deep_scan": "DeepScanOutput",
    "company_analysis": "CompanyOutput",
}


def test_every_content_type_has_its_output_in_the_document() -> None:
    """No content type is missing in the document."""
    assert {case.kind for case in CASES} == set(OUTPUTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
async def test_every_result_matches_its_own_schema(
    api: Api, new_user: NewUser, database: Database, case: ContentCase
) -> None:
    """Each result matches its own schema, not just one of all outputs; and the request matches its shape."""
    user = new_user()
    body = case.body(add_prospect(database, user, notes=NOTES))
    validator("Request").validate(body)
    reply = (await api(user, body)).json()
    validator("Reply").validate(reply)
    validator(OUTPUTS[case.kind]).validate(reply["output"])


@pytest.mark.parametrize("fault", [None, {"kind": "cut", "after_chunks": 3}], ids=["whole", "broken"])
async def test_every_event_of_a_stream_matches_the_document(
    api: Api, new_user: NewUser, provider: Provider, fault: dict[str, Any] | None
) -> None:
    """This holds for a stream that succeeds, and for one that the provider breaks."""
    if fault is not None:
        provider.fail(fault)
    reply = await api(new_user(), orchestrated(stream=True))
    events = [json.loads(line.removeprefix("data: ")) for line in reply.text.split("\n\n") if line]
    assert [event["type"] for event in events][:: len(events) - 1] == ["meta", "error" if fault else "done"]
    for event in events:
        validator("StreamEvent").validate(event)
