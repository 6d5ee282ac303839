"""The list of a zip's third-party packages: complete, valid, without the address of an index, and reproducible."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from local.package import contents, sbom, wheels
from local.package.__main__ import FOLDER
from local.package.target import LAMBDA

NOT_SHIPPED = {"dnspython", "h2", "hpack", "httpx2-jsfetch", "hyperframe", "pycparser"}
"""Locked only for Python in a browser, for HTTP/2, for DNS checks and for reading C: all left out."""


@pytest.fixture(scope="module")
def site() -> Path:
    """Return the dependencies for the cloud."""
    return wheels.installed(LAMBDA, FOLDER / "wheels")


@pytest.fixture(scope="module")
def text(site: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the list of a function's package."""
    path = tmp_path_factory.mktemp("sbom") / "one.cdx.json"
    sbom.write(path, "generate-ai-content", site)
    return path.read_text("utf-8")


@pytest.fixture
def components(text: str) -> dict[str, dict[str, Any]]:
    """Return the components of the list, by name."""
    return {each["name"]: each for each in json.loads(text)["components"]}


def locked() -> dict[str, tuple[str, set[str]]]:
    """Return versions and hashes by package, from the lock."""
    blocks = re.split(r"\n(?=[a-z])", wheels.LOCK.read_text("utf-8"))
    found = {}
    for block in blocks:
        name, version = re.match(r"([a-z0-9._-]+)==([^ ]+)", block).groups()  # type: ignore[union-attr]
        found[name] = (version, set(re.findall(r"sha256:([0-9a-f]{64})", block)))
    return found


def test_it_lists_exactly_what_is_locked_for_the_cloud(components: dict[str, dict[str, Any]]) -> None:
    """Each has its version, its hashes and its name for the search of advisories."""
    listed = {
        name: (each["version"], {found["content"] for found in each["hashes"]})
        for name, each in components.items()
    }
    assert listed == {name: pin for name, pin in locked().items() if name not in NOT_SHIPPED}
    assert [
        each for each in components.values() if each["purl"] != f"pkg:pypi/{each['name']}@{each['version']}"
    ] == []


def test_what_is_shipped_is_what_is_listed(components: dict[str, dict[str, Any]], site: Path) -> None:
    """The packages in the zip and in the list are the same."""
    places = [place for place, _ in contents.of_function("generate_ai_content", site)]
    shipped = {place.parts[0].partition("-")[0] for place in places if place.name == "METADATA"}
    assert shipped == {each["name"].replace("-", "_") for each in components.values()}
    assert {place.parts[0] for place in places} & NOT_SHIPPED == set()


def test_every_licence_is_listed(components: dict[str, dict[str, Any]]) -> None:
    """It is an SPDX id, an expression, or the package's own words."""
    assert [name for name, each in components.items() if not each["licenses"]] == []
    assert components["fastapi"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert components["cryptography"]["licenses"] == [{"expression": "Apache-2.0 OR BSD-3-Clause"}]
    assert components["mangum"]["licenses"] == [{"license": {"name": "MIT License"}}]


def test_it_is_valid_and_names_no_index(text: str) -> None:
    """It is valid for its schema version, and has neither a time nor a serial number."""
    listed = json.loads(text)
    assert JsonStrictValidator(SchemaVersion.from_version(listed["specVersion"])).validate_str(text) is None
    assert not re.search(r"pypi\.org|pythonhosted|/simple/", text)
    assert "serialNumber" not in listed
    assert "timestamp" not in listed["metadata"]
    assert listed["metadata"]["component"]["name"] == "generate-ai-content"


def test_the_same_lock_gives_the_same_bytes(text: str, site: Path, tmp_path: Path) -> None:
    """A list that differs thus has another lock."""
    sbom.write(tmp_path / "two.cdx.json", "generate-ai-content", site)
    assert (tmp_path / "two.cdx.json").read_text("utf-8") == text
