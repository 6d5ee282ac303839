"""One real stack for the whole run; new users and new databases keep the tests apart."""

import os
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from local.migrations.empty_project import empty_projects
from local.servers import queues
from local.stack.stack import Stack
from shared.log import logger
from tests.canaries import KeptEvents, canaries_of, leaks, logs_below
from tests.proofs.wait import wait_until
from tests.provider import Provider
from tests.users import User, signed_in

QUIET_SECONDS = 15.0
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START", "SSL_CERT_DIR")

Database = psycopg.Connection[tuple[object, ...]]
NewUser = Callable[..., User]
EmptyDatabase = Callable[[], str]


PRINTED = pytest.StashKey[Path]()
"""The log of what pytest has captured of the tests of this process."""


@pytest.fixture(scope="session", autouse=True)
def _output_is_kept(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[None]:
    """Keep what functions in this process log and print, to be searched with the logs of the stack.

    Events are also recorded separately: a test that reads its own output leaves nothing to be captured.
    """
    folder = tmp_path_factory.getbasetemp()
    pytestconfig.stash[PRINTED] = folder / "printed.log"
    with (folder / "events.log").open("w") as log:
        kept = KeptEvents(log)
        logger.addFilter(kept)
        yield
        logger.removeFilter(kept)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Store what was captured of a test so far: its set-up, its call, and its end."""
    report = yield
    printed = item.config.stash.get(PRINTED, None)
    if printed is not None:
        with printed.open("a") as log:
            print(report.capstdout, report.capstderr, report.caplog, sep="\n", file=log)
    return report


@pytest.fixture(scope="session", autouse=True)
def _no_authority_is_trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Load no certificate authorities: every server of a run uses plain HTTP, and loading takes each client 18 ms."""
    with pytest.MonkeyPatch.context() as patch:
        if known := os.environ.get("SSL_CERT_FILE"):
            patch.delenv("SSL_CERT_FILE")
            # Only pip still fetches packages.
            patch.setenv("PIP_CERT", os.environ.get("PIP_CERT", known))
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("authorities")))
        yield


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield the whole system on its own ports, with the simulated provider in any environment."""
    caller = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # All tests share one process of the functions: the faults of one must not open the circuit for the next.
    caller["CIRCUIT_FAILURES"] = "1000000"
    with (
        Stack(tmp_path_factory.mktemp("stack"), ephemeral=True, caller=caller) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Functions in the test's own process find the queue as those of the stack do.
        for name, value in (queues.CREDENTIALS | running.env).items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        yield running
    found = leaks(logs_below(tmp_path_factory.getbasetemp()), canaries_of(running))
    assert found == [], "a secret of the stack is in a log of this run"


@pytest.fixture(scope="session")
def database(stack: Stack) -> Iterator[Database]:
    """Yield a connection as the role `postgres`; each statement is a transaction."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def new_user(stack: Stack, database: Database) -> NewUser:
    """Return what creates a signed-in user of a tier, with energy: `new_user(tier="free", energy=0)`."""
    return partial(signed_in, stack, database)


@pytest.fixture(scope="session")
def empty_database() -> Iterator[EmptyDatabase]:
    """Yield what creates databases as in an empty Supabase project, on a separate server, and returns addresses."""
    with empty_projects() as make:
        yield make


@pytest.fixture(scope="session")
def let_worker_end(stack: Stack) -> Callable[[], None]:
    """Return what waits until the stack's worker has done the work of earlier tests, and drops what it cannot do."""
    sqs = queues.client(stack.env["AWS_ENDPOINT_URL_SQS"])
    urls = [stack.env[name] for name in queues.QUEUES]

    def is_idle() -> bool:
        found = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in urls]
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return all(value == "0" for each in found for name, value in each.items() if name in counts)

    def wait() -> None:
        try:
            wait_until(is_idle, QUIET_SECONDS)
        except AssertionError:
            for url in urls:
                sqs.purge_queue(QueueUrl=url)

    return wait


@pytest.fixture
def provider(stack: Stack, let_worker_end: Callable[[], None]) -> Iterator[Provider]:
    """Yield the simulated provider's control client, without faults, requests or calls of earlier tests."""
    let_worker_end()
    control = Provider(stack.provider_url)
    control.reset()
    yield control
    control.reset()
    control.close()
