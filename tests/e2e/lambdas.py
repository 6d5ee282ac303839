"""The packaged zips, unpacked and run by the real runtime client."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

from tests.runtime_api import RuntimeApi, runtime_api

RUNTIME_PACKAGES = (
    "awslambdaric", "simplejson", "snapshot-restore-py",
    "boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3",
)  # fmt: skip
"""What the platform's runtime brings: its client, and the SDK."""


def unpacked(package: Path, folder: Path) -> Path:
    """The folder that the platform would make of a zip."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def runtime_client(folder: Path) -> Path:
    """The runtime client alone: nothing else that is installed here may stand in for what a zip lacks."""
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
        # Without -S the packages of this machine would be found as well.
        process = subprocess.Popen(
            [sys.executable, "-S", "-m", "awslambdaric", handler],
            cwd=task_root, env=surroundings, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            yield api, process
        finally:
            process.kill()
            process.wait()
