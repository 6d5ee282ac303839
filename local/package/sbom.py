"""The third-party packages of a zip, as CycloneDX: the locked dependencies with their hashes and licences."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from email.message import Message
from email.parser import HeaderParser
from functools import cache
from pathlib import Path
from typing import Any

from cyclonedx.spdx import fixup_id, is_expression

from local.package.contents import LEFT_OUT
from local.package.wheels import LOCK
from local.problem import Problem

Component = dict[str, Any]
GIVEN_BY_US = ("description", "externalReferences", "bom-ref")
"""Properties of a component to remove: the line of the lock, the address of an index, and a line's number."""


def write(path: Path, function: str, site: Path) -> None:
    """Write the list of a function's dependencies in a folder; the same lock gives the same bytes.

    Raises:
        Problem: when the lock cannot be read.
    """
    bom: dict[str, Any] = json.loads(_of_lock())
    installed = _installed(site)
    # The lock is for every platform: packages only for another one are not in the zip.
    bom["components"] = [
        _component(each, installed[_plain(each["name"])])
        for each in bom["components"]
        if _plain(each["name"]) in installed
    ]
    del bom["dependencies"]
    for tool in bom["metadata"]["tools"]["components"]:
        del tool["externalReferences"]
    bom["metadata"]["component"] = {"type": "application", "name": function, "bom-ref": function}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bom, indent=2, sort_keys=True) + "\n")


@cache
def _of_lock() -> str:
    """Return the list of the whole lock; building it takes some seconds, and it is the same for every function."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", str(LOCK)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        last = ended.stderr.strip().splitlines()[-1:] or ["no reason was given"]
        raise Problem(f"the packages cannot be listed: {last[0]}")
    return ended.stdout


def _installed(site: Path) -> Mapping[str, Message]:
    """Return the metadata of every shipped package of a folder, by its name."""
    found = {}
    for path in site.glob("*.dist-info/METADATA"):
        metadata = HeaderParser().parsestr(path.read_text("utf-8"))
        found[_plain(metadata["Name"])] = metadata
    return {name: metadata for name, metadata in found.items() if name not in LEFT_OUT}


def _component(listed: Component, metadata: Message) -> Component:
    """Return a component with only what is the same for every index."""
    hashes = [each for source in listed["externalReferences"] for each in source["hashes"]]
    kept = {name: value for name, value in listed.items() if name not in GIVEN_BY_US}
    return kept | {"bom-ref": listed["purl"], "hashes": hashes} | _licences(metadata)


def _licences(metadata: Message) -> Component:
    licence = metadata["License-Expression"] or metadata["License"] or ""
    # Some packages have the whole text there.
    if not licence or "\n" in licence:
        classifiers = metadata.get_all("Classifier") or []
        named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
        return {"licenses": [{"license": {"name": each}} for each in named]}
    if (known := fixup_id(licence)) is not None:
        return {"licenses": [{"license": {"id": known}}]}
    if is_expression(licence):
        return {"licenses": [{"expression": licence}]}
    return {"licenses": [{"license": {"name": licence}}]}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
