"""A package with lazy names has the same names as the original, and imports only what is used."""

import json
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import openai.types
import pytest

from local.package import wheels
from local.package.__main__ import FOLDER
from local.package.lazy import named_modules
from local.package.target import HOST
from local.problem import Problem

INIT = Path("openai/types/__init__.py")

SHOW = """
import json, sys
from importlib import import_module
print(json.dumps({
    package: {name: repr(getattr(import_module(package), name)) for name in names}
    for package, names in json.load(sys.stdin).items()
}))
"""
USE = """
import json, sys
from openai import AsyncOpenAI
client = AsyncOpenAI(api_key="none")
client.chat.completions.with_raw_response, client.moderations
print(json.dumps(sorted(name for name in sys.modules if name.startswith("openai.types.responses"))))
"""


def packaged(code: str, stdin: object = None) -> object:
    """Return what the code prints as JSON, with the dependencies as they are shipped."""
    site = wheels.installed(HOST, FOLDER / "wheels")
    command = [sys.executable, "-S", "-c", code]
    shown = subprocess.run(
        command,
        env={"PYTHONPATH": str(site)},
        input=json.dumps(stdin).encode(),
        check=True,
        capture_output=True,
    )
    printed: object = json.loads(shown.stdout)
    return printed


def names_of_the_original() -> Mapping[str, Mapping[str, str]]:
    """Return the names of each package of the installed SDK, with the representation of each."""
    found = {}
    places = pkgutil.walk_packages(openai.types.__path__, "openai.types.")
    for package in ["openai.types", *(place.name for place in places if place.ispkg)]:
        module = import_module(package)
        names = named_modules(Path(str(module.__file__)).read_text(), INIT)
        found[package] = {name: repr(getattr(module, name)) for name in names}
    return found


def test_every_name_of_the_sdk_is_what_it_was() -> None:
    """All names of the original exist, from the same modules."""
    original = names_of_the_original()
    assert sum(len(names) for names in original.values()) > 800
    assert packaged(SHOW, original) == original


def test_a_client_imports_no_types_that_it_does_not_use() -> None:
    """Of about 250 modules of the responses one is imported."""
    package = "openai.types.responses"
    assert packaged(USE) == [package, f"{package}.function_tool_param"]


def test_a_missing_name_raises_as_in_python() -> None:
    """It raises an AttributeError, which an import and `hasattr` need."""
    code = """
import json, openai.types
try:
    from openai.types import Nothing
except ImportError as error:
    print(json.dumps([hasattr(openai.types, "Nothing"), "Nothing" in str(error)]))
"""
    assert packaged(code) == [False, True]


def test_names_are_returned_with_their_modules() -> None:
    """This holds for sub-modules too."""
    source = "# A comment\nfrom __future__ import annotations\nfrom .a import B as B\nfrom .c.d import E as E, F as F\n"
    assert named_modules(source, INIT) == {"B": "a", "E": "c.d", "F": "c.d"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os", "line 1"),
        ("from .a import B as B\nB.model_rebuild()", "line 2"),
        ("from .a import B", "line 1"),
        ("from .a import B as C", "line 1"),
        ("from .a import *", "line 1"),
        ("from ..a import B as B", "line 1"),
        ("from a import B as B", "line 1"),
        ("from . import b as b", "line 1"),
        ("from .a import b as b\nfrom .b import C as C", "it names b"),
    ],
)
def test_a_package_that_does_more_than_list_names_stops_the_packager(source: str, message: str) -> None:
    """If the next version of the SDK does more, the packager names the place and the remedy."""
    with pytest.raises(Problem, match=f"openai/types/__init__.py .*{message}.*local/package/lazy.py"):
        named_modules(source, INIT)
