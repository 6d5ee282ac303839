"""No secret is in a package or a log line; the logs of the whole run are searched when its stack has stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from local.package.__main__ import build
from local.package.target import HOST
from local.project import PROJECT
from local.stack.stack import Stack
from shared.log import configure, log_event, logger
from tests.calls import orchestrated
from tests.canaries import KeptEvents, canaries_of, files_in, leaks, logs_below
from tests.conftest import PRINTED, NewUser


def test_no_package_holds_a_secret_of_a_stack_or_of_this_working_copy(stack: Stack) -> None:
    """No secret is in a file of ours or of a dependency."""
    canaries = dict(canaries_of(stack))
    kept = PROJECT / ".local" / "keys.json"
    if kept.exists():
        canaries |= canaries_of_copy(kept)
    for package in build(HOST).values():
        assert leaks(files_in(package), canaries) == []


def canaries_of_copy(kept: Path) -> dict[str, bytes]:
    """Return the keys that `make dev` generated here; short values are left out, as they would be found everywhere."""
    values = kept.read_text().split('"')[1::2]
    return {
        f"key {number} of this copy": value.encode() for number, value in enumerate(values) if len(value) > 30
    }


def test_a_key_that_an_event_lets_out_is_found(stack: Stack, tmp_path: Path) -> None:
    """A token secret in a field that no rule treats as private is found by the search.

    It is found in what a function prints, and in the recorded events of functions in this process.
    """
    with logging_to(tmp_path / "functions.log", tmp_path / "events.log"):
        log_event("try_out.begun", size=1)
        log_event("try_out.leaked", note=stack.keys.jwt_secret)
        log_event("try_out.kept", api_key=stack.env["OPENAI_API_KEY"], note=stack.keys.secret)
    found = leaks(logs_below(tmp_path), canaries_of(stack))
    # The search at the end of the run must find only real leaks.
    for path in tmp_path.iterdir():
        path.unlink()
    assert found == ["events.log:2: SUPABASE_JWT_SECRET", "functions.log:2: SUPABASE_JWT_SECRET"]


@contextmanager
def logging_to(printed: Path, kept: Path) -> Iterator[None]:
    """Log only to these files."""
    before = (logger.handlers[:], logger.filters[:], logger.level, logger.propagate)
    with printed.open("w") as handled, kept.open("w") as filtered:
        try:
            configure("INFO", handled)
            logger.filters[:] = [KeptEvents(filtered)]
            yield
        finally:
            logger.handlers[:], logger.filters[:], logger.level, logger.propagate = before


@pytest.fixture
def _printed() -> None:
    print("printed while a test is set up")  # noqa: T201  # what is looked for


@pytest.mark.usefixtures("_printed")
def test_what_functions_log_and_print_in_the_process_of_the_tests_is_kept(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> None:
    """Events and output of functions in the test's process are in the logs that the last search of the run reads."""
    log_event("try_out.in_process", size=1)
    kept = dict(logs_below(tmp_path_factory.getbasetemp()))
    assert b'"event": "try_out.in_process", "size": 1' in kept["events.log"]
    assert b"printed while a test is set up" in kept[pytestconfig.stash[PRINTED].name]


def test_calls_that_succeed_and_fail_leave_no_secret_in_the_logs(stack: Stack, new_user: NewUser) -> None:
    """The logs of the stack's own processes contain no secret, and are not empty."""
    for key in (stack.secret_key, new_user().access_token, "nonsense"):
        requests.post(
            f"{stack.url}/functions/v1/generate-ai-content",
            headers={"apikey": key, "authorization": f"Bearer {key}"},
            json=orchestrated(),
            timeout=30,
        )
    logs = list(logs_below(stack.logs))
    assert any(b"request.finished" in log for _, log in logs)
    assert leaks(logs, canaries_of(stack)) == []
