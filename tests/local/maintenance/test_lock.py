"""The lock files of the project."""

import json
import re

import pytest

from local.maintenance.lock import add_other_platforms, platform_entry
from local.project import PROJECT

LOCKS = ["requirements/runtime.lock", "requirements/dev.lock", "package-lock.json"]


def pinned(name: str) -> dict[str, str]:
    """Return the versions by package of a Python lock."""
    lines = (PROJECT / "requirements" / name).read_text().splitlines()
    found = [re.match(r"([a-z0-9._-]+)==([^ ]+)", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_package_source(name: str) -> None:
    """The lock has no index address: packages come from the index of the machine at hand."""
    text = (PROJECT / name).read_text()
    assert not re.search(r'"resolved"|--index-url|--extra-index-url|--find-links|\.tgz|\.whl', text)


def test_every_python_package_is_pinned_with_hashes() -> None:
    """Each requirement has at least one hash."""
    text = (PROJECT / "requirements" / "dev.lock").read_text()
    requirements = re.split(r"\n(?=[a-z])", text.strip())
    assert len(requirements) > 40
    assert all("==" in each and "--hash=sha256:" in each for each in requirements)


def test_development_runs_what_is_shipped() -> None:
    """Every package that ships is in the development lock with the same version."""
    assert pinned("runtime.lock").items() <= pinned("dev.lock").items()


def test_every_npm_package_but_other_platforms_has_its_hash() -> None:
    """Only packages that the registry did not serve here have no hash."""
    packages = json.loads((PROJECT / "package-lock.json").read_text())["packages"]
    without = {path for path, entry in packages.items() if path and "integrity" not in entry}
    assert all(path.startswith("node_modules/@supabase/cli-") for path in without)


def test_platform_is_read_off_the_name() -> None:
    """The last parts of the name give system, processor and C library."""
    assert platform_entry("node_modules/@supabase/cli-linux-arm64-musl", "3.1.0") == {
        "version": "3.1.0",
        "cpu": ["arm64"],
        "dev": True,
        "optional": True,
        "libc": ["musl"],
        "os": ["linux"],
    }
    assert platform_entry("node_modules/@supabase/cli-windows-x64", "3.1.0")["os"] == ["win32"]


def test_known_platform_is_left_as_it_is() -> None:
    """An entry with its hash is not replaced by one without."""
    known = {"version": "3.1.0", "integrity": "sha512-x"}
    packages: dict[str, dict[str, object]] = {
        "node_modules/supabase": {"optionalDependencies": {"@supabase/cli-linux-x64": "3.1.0"}},
        "node_modules/@supabase/cli-linux-x64": dict(known),
    }
    add_other_platforms(packages)
    assert packages["node_modules/@supabase/cli-linux-x64"] == known
