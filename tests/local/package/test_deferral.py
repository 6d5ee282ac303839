"""A module with deferred imports has the same names, and imports only what is used."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path, PurePosixPath

import pytest

from local.gateway import function_apps
from local.package import lazy, wheels
from local.package.__main__ import FOLDER, build
from local.package.deferral import deferred
from local.package.target import HOST
from local.problem import Problem
from tests.e2e.lambdas import unpacked
from tests.test_start import LEAST

PARTS = {"dns", "postgrest", "realtime", "storage3", "supabase_auth", "supabase_functions", "websockets"}

SHOW = """
import json, sys
from importlib import import_module
print(json.dumps({
    module: {name: repr(getattr(import_module(module), name)) for name in names}
    for module, names in json.load(sys.stdin).items()
}))
"""
START = """
import functions.{name}.handler, httpx, json, sys
from shared.supabase.client import open_client
open_client("http://127.0.0.1:9", "sb_publishable_abc", "token", httpx.AsyncClient()).rpc("f", {{}})
print(json.dumps(sorted(sys.modules)))
"""


def run(code: str, place: Path, stdin: object = None) -> object:
    """Return what the code prints as JSON, with only Python and the packages in a folder."""
    command = [sys.executable, "-S", "-c", code]
    env = LEAST | {"PATH": os.environ["PATH"], "PYTHONPATH": str(place), "AWS_LAMBDA_FUNCTION_NAME": "test"}
    shown = subprocess.run(
        command, env=env, cwd=place, input=json.dumps(stdin).encode(), check=True, capture_output=True
    )
    printed: object = json.loads(shown.stdout.splitlines()[-1])
    return printed


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the packages for this machine, unpacked."""
    folder = tmp_path_factory.mktemp("zips")
    return {name: unpacked(path, folder / name) for name, path in build(HOST).items()}


def names_of_the_originals() -> dict[str, dict[str, str]]:
    """Return the names of each changed module as published, with the representation of each."""
    found = {}
    for place in lazy.WAITING:
        module = import_module(str(place.with_suffix("")).removesuffix("/__init__").replace("/", "."))
        # A sub-module, which exists once it has been imported, is not a name of this module.
        found[module.__name__] = {
            name: repr(value)
            for name, value in vars(module).items()
            if not name.startswith("__") and getattr(value, "__name__", "") != f"{module.__name__}.{name}"
        }
    return found


def plain(shown: object) -> object:
    """Return a representation without addresses in memory and without paths."""
    return json.loads(re.sub(r" at 0x[0-9a-f]+| from '[^']*'", "", json.dumps(shown)))


def test_every_name_of_supabases_client_is_what_it_was() -> None:
    """Every name of a changed module exists, and comes from the same place."""
    originals = names_of_the_originals()
    assert sum(len(names) for names in originals.values()) > 200
    site = wheels.installed(HOST, FOLDER / "wheels")
    assert plain(run(SHOW, site, originals)) == plain(originals)


@pytest.mark.parametrize("name", function_apps.names())
def test_a_start_from_the_package_imports_of_supabase_what_a_call_uses(
    zips: dict[str, Path], name: str
) -> None:
    """A start imports the asynchronous half of PostgREST's client, and small modules of constants."""
    imported = run(START.format(name=name.replace("-", "_")), zips[name])
    assert isinstance(imported, list)
    of_parts = {module for module in imported if module.partition(".")[0] in PARTS}
    assert {module for module in of_parts if not module.startswith("postgrest")} == {
        "storage3", "storage3.constants", "supabase_auth", "supabase_auth._async", "supabase_auth._async.storage",
        "supabase_auth._sync", "supabase_auth._sync.storage", "supabase_functions", "supabase_functions.utils",
    }  # fmt: skip
    assert "postgrest._async.client" in of_parts
    assert not [module for module in imported if "_sync.client" in module]


def test_the_package_reads_an_e_mail_address_without_asking_the_dns(zips: dict[str, Path]) -> None:
    """The syntax check needs none of the packages that were left out."""
    code = """
import json, sys
from shared.contacts.emails import valid_address
print(json.dumps([valid_address("Maria@GMAIL.com"), valid_address("maria@gmail"), "dns" in sys.modules]))
"""
    assert run(code, zips["scan-processor-v2"]) == ["Maria@gmail.com", None, False]


OTHER = """
\"\"\"A module that tells when it is imported.\"\"\"
import sys
from datetime import date

class Shown: ...
class Told(Exception): ...
NUMBER = 7
_own = 8
"""
CASES = [
    ("a function's body", "from .other import Shown\ndef f(): return Shown", True),
    (
        "a method's body",
        "from .other import Shown\nclass C:\n    def f(self):\n        'Doc.'\n        return Shown",
        True,
    ),
    (
        "an inner function's body",
        "from .other import Shown\ndef f():\n    def g(): return Shown\n    return g",
        True,
    ),
    (
        "annotations",
        "from .other import Shown\ndef f(a: Shown | None) -> Shown: ...\nx: Shown | None = None",
        True,
    ),
    ("nothing", "from .other import Shown", True),
    ("everything of it", "from .other import *", True),
    ("a module", "from . import other as Shown", True),
    ("another package", "from waiting.other import Shown", True),
    ("a package that is not named", "from unnamed import Shown", False),
    ("a base", "from .other import Shown\nclass C(Shown): ...", False),
    ("a default", "from .other import NUMBER as Shown\ndef f(a=Shown): ...", False),
    ("a keyword's default", "from .other import NUMBER as Shown\ndef f(*, a=Shown): ...", False),
    ("a decorator", "from .other import Shown\n@Shown.__class__\ndef f(): ...", False),
    ("a class's body", "from .other import Shown\nclass C:\n    value = Shown", False),
    ("a lambda's body", "from .other import Shown\nf = lambda: Shown", False),
    ("another value", "from .other import Shown\ndef f():\n    global Shown\n    Shown = 3", False),
    ("a parameter", "from .other import Shown\ndef f(Shown): return Shown", False),
]


@pytest.mark.parametrize(("source", "waits"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_name_waits_unless_the_import_itself_needs_it(tmp_path: Path, source: str, waits: bool) -> None:  # noqa: FBT001  # a column of the table
    """In both cases an importer of the name gets the original object."""
    place = PurePosixPath("waiting/one.py")
    (tmp_path / "waiting").mkdir()
    (tmp_path / "unnamed.py").write_text(OTHER)
    (tmp_path / "waiting" / "__init__.py").touch()
    (tmp_path / "waiting" / "other.py").write_text(OTHER)
    (tmp_path / place).write_text(source)
    (tmp_path / place).write_text(deferred(tmp_path, place, ["waiting"]))
    code = """
import json, sys, waiting.one as one
others = {"waiting.other", "unnamed"}
first = bool(others & sys.modules.keys())
from waiting.one import Shown
print(json.dumps([first, hasattr(Shown, "__name__") or Shown, hasattr(one, "Nothing"), "Shown" in dir(one)]))
"""
    assert run(code, tmp_path) in [[not waits, True, False, True], [not waits, 7, False, True]]


def test_a_function_finds_its_deferred_imports(tmp_path: Path) -> None:
    """The function may use it itself, in a class, or in a nested function."""
    (tmp_path / "other.py").write_text(OTHER)
    source = """
\"\"\"A module.\"\"\"
from waiting.other import NUMBER, Told as Raised
import math
def plain():
    \"\"\"Doc.\"\"\"
    return NUMBER
class C:
    async def method(self, a: NUMBER = 1):
        return [NUMBER for _ in range(a)]
def outer():
    def inner():
        raise Raised(math.floor(NUMBER))
    return inner
"""
    (tmp_path / "waiting").mkdir()
    (tmp_path / "waiting" / "__init__.py").touch()
    (tmp_path / "other.py").rename(tmp_path / "waiting" / "other.py")
    (tmp_path / "one.py").write_text(source)
    (tmp_path / "one.py").write_text(deferred(tmp_path, PurePosixPath("one.py"), ["waiting"]))
    code = """
import asyncio, json, one
try:
    one.outer()()
except Exception as error:
    raised = [type(error).__name__, *error.args]
print(json.dumps([one.__doc__, one.plain.__doc__, one.plain(), asyncio.run(one.C().method(2)), raised]))
"""
    assert run(code, tmp_path) == [
        "A module.", "Doc.", 7, [7, 7], ["Told", 7],
    ]  # fmt: skip


def test_a_module_without_anything_that_may_wait_stays_as_it_was(tmp_path: Path) -> None:
    """Its text is unchanged."""
    (tmp_path / "one.py").write_text("import os  # kept\nfrom json import loads\n")
    assert deferred(tmp_path, PurePosixPath("one.py"), ["supabase"]) == (tmp_path / "one.py").read_text()


def test_a_listed_module_in_which_nothing_waits_stops_the_packager(tmp_path: Path) -> None:
    """The next version of the client may have another structure: then a person must check the list."""
    for place in lazy.WAITING:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("import os\n")
    with pytest.raises(Problem, match=r"no import that can wait.*local/package/lazy.py"):
        lazy.make_lazy(tmp_path)
