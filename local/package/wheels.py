"""The runtime dependencies of a target, from its lock file, without Docker."""

import compileall
import hashlib
import py_compile
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local.package import deferral, lazy
from local.package.target import Target
from local.problem import Problem
from local.project import PROJECT

LOCK = PROJECT / "requirements" / "runtime.lock"


def installed(target: Target, folder: Path) -> Path:
    """Return the folder with every dependency for the target; installed once for each lock.

    Raises:
        Problem: when a wheel is missing or has another hash, or a package has another form than expected.
    """
    site = folder / f"{target.name}-{_stamp(target)}"
    if site.is_dir():
        return site
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=site.name, dir=folder))
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
        "--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:", "--target", str(unfinished),
        *_platform(target), "--requirement", str(LOCK),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        shutil.rmtree(unfinished)
        last = ended.stderr.strip().splitlines()[-1:] or ["no reason was given"]
        raise Problem(f"the dependencies for {target.name} cannot be installed: {last[0]}")
    lazy.make_lazy(unfinished)
    if target.is_here:
        _compile(unfinished)
    try:
        unfinished.rename(site)
    except OSError:  # Another process was first.
        shutil.rmtree(unfinished)
    return site


def _compile(site: Path) -> None:
    """Add the bytecode, which is never checked against its source: files in a zip have no times to compare."""
    compileall.compile_dir(
        site,
        quiet=2,
        stripdir=str(site),
        prependdir="/var/task",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        workers=0,
    )


def _stamp(target: Target) -> str:
    makers = [LOCK, Path(lazy.__file__), Path(deferral.__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in makers) + repr(target).encode())
    return digest.hexdigest()[:12]


def _platform(target: Target) -> list[str]:
    if not target.wheel_platforms:
        return []
    named = [f"--platform={platform}" for platform in target.wheel_platforms]
    return [*named, f"--python-version={target.python_version}", "--implementation=cp"]
