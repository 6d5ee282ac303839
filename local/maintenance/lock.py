"""Writes the lock files from pyproject.toml and package.json, without the address of any package index."""

import json
import subprocess
import sys
from typing import Any

from local.project import PROJECT

UV_OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--quiet",
]

Package = dict[str, Any]


def main() -> None:
    """Write requirements/runtime.lock, requirements/dev.lock and both package-lock.json."""
    compile_python("runtime.lock")
    compile_python("dev.lock", "--group=dev", "--constraint=requirements/runtime.lock")
    # npm reads the option from .npmrc, and only beside a package.json.
    for folder in (PROJECT, PROJECT / "local" / "browser"):
        lock_npm = ["npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved"]
        subprocess.run(lock_npm, cwd=folder, check=True)
    path = PROJECT / "package-lock.json"
    lock = json.loads(path.read_text())
    add_other_platforms(lock["packages"])
    path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")


def compile_python(name: str, *options: str) -> None:
    """Write one lock file with hashes that is valid for every platform and Python from 3.11."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *UV_OPTIONS, *options]
    subprocess.run(
        [*command, f"--output-file=requirements/{name}", "pyproject.toml"], cwd=PROJECT, check=True
    )


def add_other_platforms(packages: dict[str, Package]) -> None:
    """Add the Supabase CLI of every platform to the lock.

    npm omits those that the registry in use does not serve, and `npm ci` then refuses the whole lock.
    """
    wanted = {}
    for package in list(packages.values()):
        for name, version in package.get("optionalDependencies", {}).items():
            if name.startswith("@supabase/cli-"):
                wanted[f"node_modules/{name}"] = version
    for path, version in wanted.items():
        packages.setdefault(path, platform_entry(path, version))


def platform_entry(path: str, version: str) -> Package:
    """Return a lock entry whose os, cpu and libc are read from a name such as cli-linux-arm64-musl."""
    system, cpu, *libc = path.rpartition("cli-")[2].split("-")
    entry: Package = {"version": version, "cpu": [cpu], "dev": True, "optional": True}
    if system == "linux":
        entry["libc"] = libc or ["glibc"]
    return entry | {"os": ["win32" if system == "windows" else system]}


if __name__ == "__main__":
    main()
