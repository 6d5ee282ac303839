"""The deployed stack on an emulator of the platform: HTTP API, queues, workers, dead letters, schedule and secrets."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.calls import URL, orchestrated
from tests.conftest import Database, NewUser
from tests.e2e.cloud import Cloud, deployed
from tests.functions.scan_processor_v2.scan_api import Scan, ScanApi, name, new_scan, people, polled
from tests.proofs.wait import wait_until
from tests.users import User, asymmetric_token

WORKER = "nexscout-dev-scan-worker"

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def cloud(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Yield the deployed stage dev."""
    with deployed(stack, tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def signed_in(stack: Stack, new_user: NewUser) -> Callable[[int], User]:
    """Return what creates a user with some energy, with a token as hosted projects sign them."""

    def make(energy: int) -> User:
        user = new_user("pro", energy)
        return replace(user, access_token=asymmetric_token(stack, user))

    return make


async def test_a_call_through_the_http_api_is_served_and_charged(
    cloud: Cloud, stack: Stack, signed_in: Callable[[int], User], database: Database
) -> None:
    """The call gets its keys from the parameter store and its caller from the token, and is charged."""
    user = signed_in(500)
    headers = {"apikey": stack.publishable_key, "authorization": f"Bearer {user.access_token}"}
    async with cloud.http() as client:
        reply = await client.post(URL, json=orchestrated(), headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.headers["access-control-allow-origin"] == "*"
    assert Books(database, user).energy() == 490


async def handed_in(cloud: Cloud, stack: Stack, scan: Scan, records: int) -> None:
    """Start a scan that is left to a worker."""
    async with cloud.http() as client:
        reply = await ScanApi(client, stack)(scan.user, scan.id, people(records))
    assert (reply.status_code, reply.json().get("status")) == (202, "queued"), reply.text


async def test_a_scan_of_a_thousand_records_goes_through_the_queue(
    cloud: Cloud, stack: Stack, signed_in: Callable[[int], User], database: Database
) -> None:
    """The scan is accepted by one function and processed by another: every record once, twenty blocks charged."""
    scan = new_scan(database, signed_in(1_000))
    await handed_in(cloud, stack, scan, 1_000)
    assert (await polled(stack, scan))[-1] == ("completed", 100)
    assert sorted(row["full_name"] for row in scan.prospects()) == sorted(map(name, range(1_000)))
    assert len(scan.items()) == 1_000
    assert Books(database, scan.user).energy() == 1_000 - 20 * 15
    assert cloud.messages("scans-dead") == []


async def test_a_message_that_no_worker_survives_ends_among_the_dead_letters_and_its_scan_fails(
    cloud: Cloud, stack: Stack, signed_in: Callable[[int], User], database: Database
) -> None:
    """After five receives the message is in the dead-letter queue; the sweep fails the scan without a charge."""
    scan = new_scan(database, signed_in(1_000))
    functions, sqs = cloud.client("lambda"), cloud.client("sqs")
    good = functions.get_function_configuration(FunctionName=WORKER)["Environment"]
    broken = {"Variables": good["Variables"] | {"SUPABASE_URL": "nowhere"}}
    functions.update_function_configuration(FunctionName=WORKER, Environment=broken)
    sqs.set_queue_attributes(QueueUrl=cloud.queue("scans"), Attributes={"VisibilityTimeout": "0"})
    try:
        await handed_in(cloud, stack, scan, 210)
        dead: list[str] = []

        def all_dead() -> bool:
            dead.extend(cloud.messages("scans-dead"))
            return bool(dead)

        wait_until(all_dead, 60)
        assert [json.loads(message) for message in dead] == [{"scanId": scan.id}]
        database.execute(
            "update public.scan_jobs set sends = 20, updated_at = now() - interval '10 minutes' where scan_id = %s",
            [scan.id],
        )
        assert cloud.invoke("sweep")["scans_abandoned"] == 1
    finally:
        functions.update_function_configuration(FunctionName=WORKER, Environment=good)
        sqs.set_queue_attributes(QueueUrl=cloud.queue("scans"), Attributes={"VisibilityTimeout": "960"})
    last = scan.rows("scan_status", "updated_at")[-1]
    assert (scan.row()["status"], last["message"]) == (
        "failed",
        "The scan could not be completed. Please try again.",
    )
    Books(database, scan.user).assert_nothing_charged(1_000)


def test_the_schedule_runs_the_sweep_each_minute(cloud: Cloud) -> None:
    """The rule, its target and the permission to call it are deployed."""
    [rule] = cloud.client("events").list_rules()["Rules"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    [target] = cloud.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"].endswith(":function:nexscout-dev-sweep")
    assert cloud.invoke("sweep")["failed"] == 0


def test_no_function_has_a_secret_among_its_variables(cloud: Cloud, stack: Stack) -> None:
    """No function's variables, which everyone who may list functions can read, contain a secret."""
    listed = json.dumps(cloud.client("lambda").list_functions()["Functions"], default=str)
    secrets = [stack.env[name] for name in ("SUPABASE_SECRET_KEY", "SUPABASE_JWT_SECRET")]
    assert [secret in listed for secret in secrets] == [False, False]
    assert stack.publishable_key in listed
