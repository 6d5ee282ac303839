"""The commands of docs/deploy.md: run if they need no account, else compared with the interface of their tool."""

import os
import re
import subprocess
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from local.project import PROJECT
from tests.conftest import EmptyDatabase
from tests.infra.deployment import Deployment

PAGE = (PROJECT / "docs" / "deploy.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
FRAMEWORK = [line for line in COMMANDS if line.startswith("npx osls ")]

GLOBAL_OPTIONS = {"--query", "--output"}


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Paste a block into a shell of this folder, without credentials."""
    kept = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail"],
        input=script, cwd=PROJECT, env=kept, text=True, capture_output=True, check=False,
    )  # fmt: skip


def block_with(text: str) -> str:
    """Return the one block that contains the text."""
    [found] = [str(block) for block in BLOCKS if text in block]
    return found


def test_packaging_runs_as_it_is_written(tmp_path: Path) -> None:
    """Zips, template and lint are made with an empty home and no account."""
    # Without set-up: it would reinstall the packages that this test runs on if they were out of date.
    script = block_with("make package").replace("make package", "make -o setup package")
    done = run(script, HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_migrations_are_listed_and_applied_as_it_is_written(
    empty_database: EmptyDatabase, tmp_path: Path
) -> None:
    """The first command changes nothing, the second applies what the first has listed."""
    listing, applying = block_with("migrate --list").splitlines()
    address = {"DATABASE_URL": empty_database(), "HOME": str(tmp_path)}
    before = run(listing, **address)
    assert (before.returncode, "applied" in before.stdout) == (0, False), before.stderr
    assert run(applying, **address).returncode == 0
    after = run(listing, **address)
    assert (after.returncode, "pending" in after.stdout) == (0, False), after.stdout


def test_other_blocks_are_shell() -> None:
    """Bash parses the other blocks; running them would need an account."""
    read = subprocess.run(["bash", "-n"], input="".join(BLOCKS), text=True, capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


# Service, operation, and the rest up to a nested command.
AWS = re.findall(r"\baws ([a-z-]+) ([a-z-]+) ((?:(?!\$\(aws ).)*)", "\n".join(COMMANDS))


@pytest.mark.parametrize(("service", "operation", "rest"), AWS)
def test_aws_knows_the_command(service: str, operation: str, rest: str) -> None:
    """Service, operation and every option are in botocore's description of the AWS interface."""
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    assert shape is not None
    known = {f"--{xform_name(member, '-')}" for member in shape.members} | GLOBAL_OPTIONS
    assert set(re.findall(r"--[a-z-]+", rest)) <= known


@pytest.mark.parametrize("command", FRAMEWORK)
def test_the_framework_knows_the_command(command: str, tmp_path: Path) -> None:
    """The help of the framework lists the command and its options."""
    words = command.split(" --", 1)[0]
    helped = run(f"{words} --help", HOME=str(tmp_path))
    assert helped.returncode == 0, helped.stderr
    for option in re.findall(r" --([a-z]+)", command):
        assert f"--{option}" in helped.stdout, option


def parameters() -> set[str]:
    """Return the parameters that the configuration reads."""
    sources = [PROJECT / "serverless.yml", *(PROJECT / "deploy").iterdir()]
    return {name for path in sources for name in re.findall(r"param:(\w+)", path.read_text())}


def test_every_parameter_is_explained_and_no_other() -> None:
    """The table lists exactly the parameters that the configuration reads, and the commands use no others."""
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    start = next(index for index, row in enumerate(rows) if "alarmEmail" in row)
    explained: set[str] = set()
    for row in rows[start:]:
        if (names := set(re.findall(r"`(\w+)`", row))) and not names <= parameters():
            break
        explained |= names
    assert explained == parameters()
    assert set(re.findall(r"--param (\w+)=", PAGE)) <= parameters()


def test_every_kind_of_alarm_is_explained(deployed: Deployment) -> None:
    """The table lists every kind of alarm of the template and no other."""
    explained = re.findall(r"^\| `(…?\w+)` \| ", PAGE.partition("## What is watched")[2], flags=re.MULTILINE)
    names = [each["AlarmName"] for each in deployed.of_type("AWS::CloudWatch::Alarm").values()]
    kinds = {kind.removeprefix("…"): kind.startswith("…") for kind in explained}
    for name in names:
        own = name.removeprefix(f"nexscout-{deployed.stage}-")
        assert any(own.endswith(kind) if many else own == kind for kind, many in kinds.items()), name
    for kind in kinds:
        assert any(name.endswith(kind) for name in names), kind
