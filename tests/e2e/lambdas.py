"""The packaged zips, unpacked and run by the real runtime client."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import files
from pathlib import Path
from typing import Any

from local.commands.invoke import api_gateway_event
from local.stack.stack import Stack
from tests.runtime_api import RuntimeApi, runtime_api
from tests.users import User

StartLambda = Callable[..., AbstractContextManager[RuntimeApi]]

RUNTIME_PACKAGES = (
    "awslambdaric", "simplejson", "snapshot-restore-py",
    "boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3",
)  # fmt: skip
"""The packages that the platform's runtime contains: its client, and the SDK."""


def unpacked(package: Path, folder: Path) -> Path:
    """Return the folder with a zip's content, as on the platform."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def runtime_client(folder: Path) -> Path:
    """Install only the runtime client: no other package here may replace one that a zip lacks."""
    for package in RUNTIME_PACKAGES:
        for file in files(package) or []:
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.is_file():
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    return folder


@contextmanager
def running(
    task_root: Path, client: Path, handler: str, env: Mapping[str, str], log: Path
) -> Iterator[tuple[RuntimeApi, subprocess.Popen[bytes]]]:
    """Run a handler of an unpacked zip under a runtime interface until the block ends."""
    with runtime_api() as api, log.open("ab") as output:
        surroundings = {
            **{name: os.environ[name] for name in ("PATH", "TZ", "LANG") if name in os.environ},
            **env,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "local",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LAMBDA_TASK_ROOT": str(task_root),
            "PYTHONPATH": f"{task_root}{os.pathsep}{client}",
        }
        # Without -S, Python would also find the packages of this machine.
        process = subprocess.Popen(
            [sys.executable, "-S", "-m", "awslambdaric", handler],
            cwd=task_root, env=surroundings, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            yield api, process
        finally:
            process.kill()
            process.wait()


def folder(name: str) -> str:
    """Return the package of a function."""
    return f"functions.{name.replace('-', '_')}"


def event(name: str, stack: Stack, user: User | None, body: object, path: str = "") -> dict[str, Any]:
    """Return API Gateway's event for a POST, or for a GET if there is a path below the function's."""
    headers = {"content-type": "application/json", "apikey": stack.publishable_key}
    if user is not None:
        headers["authorization"] = f"Bearer {user.access_token}"
    made = api_gateway_event(f"/functions/v1/{name}{path}", headers, json.dumps(body))
    if path:
        made["requestContext"]["http"]["method"] = "GET"
        made["routeKey"] = f"GET /functions/v1/{name}{path}"
    return made


def recorded(name: str) -> Any:  # noqa: ANN401  # whatever the platform sends
    """Return an event as the platform sends it, by the name of its file."""
    return json.loads((Path(__file__).parent / "events" / f"{name}.json").read_text("utf-8"))
