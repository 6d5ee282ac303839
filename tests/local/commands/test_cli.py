"""The command line, as a process."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import environment
from local.commands.cli import remedy
from local.project import PROJECT
from local.stack.stack import Stack

CONTENT = "generate-ai-content"
MESSAGE = {
    "generationType": "message",
    "goal": "introduce",
    "prospectId": "d0000000-0000-4000-8000-000000000001",
}


@pytest.fixture(scope="module")
def env_file(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the running stack, as if the user had it elsewhere."""
    path = tmp_path_factory.mktemp("env") / "env"
    environment.write(path, stack.env)
    return path


def nexscout(*arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "local.commands.cli", *arguments],
        cwd=PROJECT,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1", **env},
    )


def invoke(env_file: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Invoke a function against the test's stack."""
    return nexscout("invoke", *arguments, stdin=stdin, NEXSCOUT_ENV_FILE=str(env_file))


def test_help_names_every_command() -> None:
    """The help lists all commands."""
    shown = nexscout("--help")
    assert shown.returncode == 0
    assert {"dev", "invoke", "migrate"} <= set(shown.stdout.split())


@pytest.mark.parametrize("command", ["dev", "invoke", "migrate"])
def test_each_command_has_a_help_text(command: str) -> None:
    """Help exits with 0 and explains the options."""
    shown = nexscout(command, "--help")
    assert shown.returncode == 0
    assert "Usage" in shown.stdout


@pytest.mark.parametrize(
    "arguments",
    [["unknown"], ["invoke"], ["invoke", CONTENT, "--as", "nobody"], ["dev", "--port", "0"]],
    ids=["unknown command", "missing function", "unknown identity", "impossible port"],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    """A wrong call has another exit code than a call that failed."""
    ended = nexscout(*arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such-function"], "there is no function no-such-function: choose one of"),
        ([CONTENT, "--data", "{"], "--data is not JSON"),
        ([CONTENT, "--data", "@/nowhere"], "cannot read /nowhere: No such file or directory."),
    ],
    ids=["unknown function", "broken JSON", "missing file"],
)
def test_mistake_is_one_error_message(env_file: Path, arguments: list[str], sentence: str) -> None:
    """An error that the user can fix has no traceback."""
    ended = invoke(env_file, *arguments)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert ended.stderr.startswith("nexscout: ")
    assert len(ended.stderr.splitlines()) == 1


def test_invoke_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    """No stack was ever started here."""
    ended = invoke(tmp_path / "env", CONTENT)
    assert (ended.returncode, "make dev" in ended.stderr) == (1, True)


def test_invoke_of_a_stopped_stack_says_how_to_start_it(stack: Stack, tmp_path: Path) -> None:
    """The file exists, but nothing answers."""
    environment.write(tmp_path / "env", stack.env | {"SUPABASE_URL": "http://127.0.0.1:9"})
    ended = invoke(tmp_path / "env", CONTENT)
    assert (ended.returncode, "nothing answers at http://127.0.0.1:9" in ended.stderr) == (1, True)


@pytest.mark.parametrize("form", [[], ["--event"]], ids=["ASGI", "API Gateway event"])
def test_invoke_prints_the_reply_alone_on_stdout(env_file: Path, form: list[str]) -> None:
    """The reply can be piped; the status is on stderr."""
    ended = invoke(env_file, CONTENT, "--data", json.dumps(MESSAGE), *form)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["success"] is True
    assert "HTTP 200" in ended.stderr.splitlines()


def test_invoke_reads_the_body_from_stdin(env_file: Path) -> None:
    """`--data @-` reads the piped text."""
    ended = invoke(env_file, CONTENT, "--data", "@-", stdin=json.dumps(MESSAGE))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("form", [[], ["--event"]], ids=["ASGI", "API Gateway event"])
def test_refused_invocation_ends_with_1(env_file: Path, form: list[str]) -> None:
    """An anonymous caller is unauthorized, and the exit code is 1."""
    ended = invoke(env_file, CONTENT, "--as", "anonymous", "--data", json.dumps(MESSAGE), *form)
    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (1, "unauthorized")
    assert "HTTP 401" in ended.stderr.splitlines()


def test_other_user_does_not_find_the_prospect_of_demo(env_file: Path) -> None:
    """`--as other` is another user, who does not own the prospect."""
    ended = invoke(env_file, CONTENT, "--as", "other", "--data", json.dumps(MESSAGE))
    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (1, "prospect_not_found")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x"),
            "the disk is full: make room and try again.",
        ),
        (
            shutil.Error([("/a", "/b", "[Errno 28] No space left on device")]),
            "the disk is full: make room and try again.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/x"),
            "/x belongs to another user: remove it, or run this as that user.",
        ),
        (OSError(errno.EIO, "Input/output error"), None),
    ],
    ids=["full disk", "full disk while copying", "foreign file", "broken disk"],
)
def test_trouble_with_files_has_a_remedy(error: OSError, sentence: str | None) -> None:
    """An error that the user can fix becomes one sentence; other errors stay as they are."""
    assert remedy(error) == sentence
