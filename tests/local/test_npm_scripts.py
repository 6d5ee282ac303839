"""The npm scripts do the same as the `make` targets."""

import json
import os
import subprocess

import pytest

from local.project import PROJECT

SCRIPTS = json.loads((PROJECT / "package.json").read_text())["scripts"]


def test_the_three_that_people_look_for_are_there() -> None:
    """There are scripts to run the stack, to run the tests, and to check types."""
    assert set(SCRIPTS) == {"dev", "test", "typecheck"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_does_what_its_make_target_does(name: str) -> None:
    """In a dry run both print the same commands."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "npm_"))}

    def dry_run(*command: str) -> str:
        ran = subprocess.run(
            command, cwd=PROJECT, env=env | {"MAKEFLAGS": "n"}, capture_output=True, text=True, check=True
        )
        return ran.stdout

    assert dry_run("npm", "run", "--silent", name) == dry_run("make", name) != ""
