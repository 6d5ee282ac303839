"""The program of the zip that serves a function which streams, as the web adapter starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.package import contents, wheels
from local.package.__main__ import FOLDER
from local.package.target import HOST
from local.ports import free_port
from tests.proofs.waiting import wait_until

SECRET = "a-secret-of-the-distribution"

ENVIRONMENT = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc",
    "SUPABASE_SECRET_KEY": "sb_secret_def",
    "OPENAI_API_KEY": "sk-local",
    "ORIGIN_SECRET": SECRET,
    "ORIGIN_SECRET_REQUIRED": "true",
}


def task_root(name: str, folder: Path) -> Path:
    """What the platform makes of a function's zip: nothing but what is on the list."""
    for place, source in contents.of_function(name, wheels.installed(HOST, FOLDER / "wheels")):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).symlink_to(source)
    return folder


def only_python(folder: Path) -> str:
    """A PATH whose python3 sees no package of this machine."""
    folder.mkdir()
    program = folder / "python3"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    program.chmod(0o755)
    return str(folder)


@pytest.fixture(params=["generate-ai-content", "public-chatbot-chat"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a function that was started as the adapter does."""
    root = task_root(str(request.param).replace("-", "_"), tmp_path / "task")
    port = free_port()
    environment = ENVIRONMENT | {
        "PATH": only_python(tmp_path / "bin") + os.pathsep + os.defpath,
        "LAMBDA_TASK_ROOT": str(root),
        "PORT": str(port),
    }
    address = f"http://127.0.0.1:{port}/functions/v1/{request.param}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([root / "run.sh"], cwd="/", env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or is_up(address), 20)
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield address
        finally:
            process.terminate()
            process.wait()


def is_up(address: str) -> bool:
    """Whether anything answers."""
    try:
        httpx.get(f"{address}/health")
    except httpx.ConnectError:
        return False
    return True


def test_a_function_is_served_to_the_distribution_alone(served: str) -> None:
    """From its package without anything of this machine, behind the secret of the distribution."""
    refused = httpx.get(f"{served}/health")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    well = httpx.get(f"{served}/health", headers={"x-origin-secret": SECRET})
    assert (well.status_code, well.json()["function"]) == (200, served.rpartition("/")[2])
    assert "server" not in well.headers
