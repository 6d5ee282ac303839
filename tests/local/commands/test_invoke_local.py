"""`osls invoke local`: a handler of this folder, called as the demo user of the running stack."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local import environment
from local.project import PROJECT
from local.stack.stack import Stack

FUNCTION = "generate-ai-content"
BODY = {"generationType": "message", "prospectId": "d0000000-0000-4000-8000-000000000001"}
SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event"}


@pytest.fixture(scope="module")
def env_file(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the running stack."""
    path = tmp_path_factory.mktemp("env") / "env"
    environment.write(path, stack.env)
    return path


def invoke_local(env_file: Path, data: object, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the framework as on a laptop without AWS: no credentials, an empty home."""
    framework = PROJECT / "node_modules" / "osls" / "bin" / "serverless.js"
    return subprocess.run(
        ["node", framework, "invoke", "local", "-f", FUNCTION, "-d", json.dumps(data)],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "NEXSCOUT_ENV_FILE": str(env_file)},
        capture_output=True,
        text=True,
        check=False,
    )


def answer_of(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the handler's result, which is printed after its log."""
    assert ended.returncode == 0, ended.stdout + ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout[ended.stdout.index("{\n") :])
    return answer


def test_a_body_is_sent_as_the_demo_user(env_file: Path, tmp_path: Path) -> None:
    """The handler gets an event with a token, and the call is charged in the stack's ledger."""
    answer = answer_of(invoke_local(env_file, BODY, tmp_path))
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["meta"]["energyConsumed"] > 0


def test_an_event_is_passed_on_unchanged(env_file: Path, tmp_path: Path) -> None:
    """The event of a schedule is not a body."""
    assert answer_of(invoke_local(env_file, SCHEDULED, tmp_path)) == {"warm": True}


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path) -> None:
    """No stack was ever started here."""
    ended = invoke_local(tmp_path / "none", BODY, tmp_path)
    assert ended.returncode == 1
    assert "run `make dev` in another terminal first" in ended.stdout + ended.stderr


def test_a_stopped_stack_is_named(stack: Stack, tmp_path: Path) -> None:
    """Nothing answers at the address in the file."""
    environment.write(tmp_path / "env", stack.env | {"SUPABASE_URL": "http://127.0.0.1:9"})
    ended = invoke_local(tmp_path / "env", BODY, tmp_path)
    assert ended.returncode == 1
    assert "nothing answers at http://127.0.0.1:9" in ended.stdout + ended.stderr


def test_the_event_can_be_had_alone(env_file: Path) -> None:
    """`nexscout event` prints it, for any tool that calls a handler."""
    shown = subprocess.run(
        [sys.executable, "-m", "local.commands.cli", "event", FUNCTION, "--data", json.dumps(BODY)],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "NEXSCOUT_ENV_FILE": str(env_file)},
        capture_output=True,
        text=True,
        check=True,
    )
    event = json.loads(shown.stdout)
    assert (event["version"], event["rawPath"]) == ("2.0", f"/functions/v1/{FUNCTION}")
    assert json.loads(event["body"]) == BODY
    assert event["headers"]["authorization"].startswith("Bearer ")
