"""The scan's OpenAPI document: replies match it, and requests generated from it never cause a 5xx."""

import json
from uuid import uuid4

import pytest
import schemathesis
from schemathesis import GenerationMode

from functions.scan_processor_v2.openapi import document
from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.functions.openapi_contract import CONFIG, Requester, send_generated, validator_of
from tests.functions.scan_processor_v2.scan_api import URL, ScanApi, new_scan, people
from tests.provider import Provider

SCHEMA = schemathesis.openapi.from_dict(document(), config=CONFIG)
SCAN = SCHEMA[URL]["POST"]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_generated_requests_are_answered_as_documented(
    stack: Stack, database: Database, new_user: NewUser, provider: Provider, mode: GenerationMode
) -> None:
    """Valid or not, no request gets a 5xx, and status, headers and body match the document."""
    del provider
    scan = new_scan(database, new_user())
    headers = {"apikey": stack.publishable_key, "authorization": f"Bearer {scan.user.access_token}"}
    send_generated(SCAN, Requester(stack.url, headers, {"scanId": scan.id}), mode, 30)


async def test_replies_match_the_document(scans: ScanApi, new_user: NewUser, database: Database) -> None:
    """Complete, partial, queued, refused and failed scans match it."""
    poor, rich = new_user("pro", energy=0), new_user("pro", energy=500)
    small, partial, large = (new_scan(database, user) for user in (rich, poor, rich))
    for name, scan, records in (
        ("ScanReply", small, 3),
        ("ScanReply", partial, 3),
        ("ScanQueued", large, 210),
    ):
        reply = await scans(scan.user, scan.id, people(records))
        validator_of(document(), name).validate(reply.json())
    failed = new_scan(database, rich)
    for reply in (
        await scans(rich, str(uuid4()), "x"),
        await scans(rich, failed.id, ""),
        await scans(rich, None, ""),
    ):
        validator_of(document(), "Error").validate(json.loads(reply.text))
    database.execute(
        "update public.scan_jobs set failure_code = 'provider_error' where scan_id = %s", [failed.id]
    )
    reply = await scans(rich, failed.id, people(2))
    assert (reply.status_code, reply.json()["code"]) == (422, "scan_failed")
    validator_of(document(), "Error").validate(reply.json())
