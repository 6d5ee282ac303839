"""The repository checks itself: imports between folders, length of functions and files, completeness of functions."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ("functions", "shared")
OURS = (*SHIPPED, "local", "tests")


def modules(*folders: str) -> list[Path]:
    """Return our Python files below these folders, as paths from the root."""
    found = [path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def tree(path: Path) -> ast.Module:
    """Return the parsed file."""
    return ast.parse((ROOT / path).read_text("utf-8"))


def imported(path: Path) -> set[str]:
    """Return the top-level names of all imports of a file, including those inside functions and for types."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module.split(".")[0])
    return names


def importers(package: str, *folders: str) -> set[str]:
    """Return the files below the folders that import the package."""
    return {path.as_posix() for path in modules(*folders) if package in imported(path)}


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function of a file with its length in lines."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


FUNCTION_FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))


def test_one_file_alone_talks_to_providers() -> None:
    """Only one file imports the provider's SDK: there its retries are off and its errors are wrapped."""
    assert importers("openai", *SHIPPED) == {"shared/ai/provider/client.py"}


def test_one_folder_alone_knows_supabases_client() -> None:
    """Whose key a query carries is decided in one place, and the parts of the client are left to it."""
    assert importers("supabase", *SHIPPED) == {"shared/supabase/client.py", "shared/supabase/database.py"}


@pytest.mark.parametrize("part", ["postgrest", "realtime", "storage3", "supabase_auth", "supabase_functions"])
def test_nobody_imports_a_part_of_supabases_client(part: str) -> None:
    """What the package brings is reached through the package."""
    assert importers(part, *SHIPPED) == set()


def test_only_handlers_know_the_platform() -> None:
    """One file reads the platform's events, and only handlers import it; everything else runs under any ASGI server."""
    assert importers("mangum", *SHIPPED) == {"shared/lambda_/http.py"}
    knowing = {
        path.as_posix()
        for path in modules(*SHIPPED)
        if "shared.lambda_.http" in (ROOT / path).read_text("utf-8")
    }
    assert knowing == {f"functions/{name}/handler.py" for name in FUNCTION_FOLDERS}


def test_what_is_shared_knows_no_function() -> None:
    """`shared/` does not import `functions/`."""
    assert importers("functions", "shared") == set()


def test_a_function_knows_no_other() -> None:
    """No function imports another; code that two functions need is in `shared/`."""
    crossing = [
        (path.as_posix(), other)
        for path in modules("functions")
        for other in FUNCTION_FOLDERS
        if len(path.parts) > 2
        and path.parts[1] != other
        and f"functions.{other}" in (ROOT / path).read_text()
    ]
    assert crossing == []


def test_functions_use_the_orchestrator_through_its_front_door() -> None:
    """Functions import only `shared.ai` and `shared.ai.prompt`, so that the modules behind them may change."""
    doors = {"shared.ai", "shared.ai.prompt"}
    past = {
        (path.as_posix(), str(node.module))
        for path in modules("functions")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("shared.ai")
    }
    assert [(path, module) for path, module in sorted(past) if module not in doors] == []


@pytest.mark.parametrize("door", ["shared.ai", "shared.ai.prompt"])
def test_every_name_of_a_front_door_is_there_and_explained(door: str) -> None:
    """Every exported name exists and is described in the docstring of the front door."""
    module = importlib.import_module(door)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert [name for name in module.__all__ if name not in str(module.__doc__)] == []


@pytest.mark.parametrize("package", ["local", "tests", "psycopg", "uvicorn", "genai_prices", "pytest"])
def test_nothing_shipped_imports_what_stays_here(package: str) -> None:
    """The code of the local stack, the tests and their libraries are not in the package."""
    assert importers(package, *SHIPPED) == set()


def test_nothing_shipped_knows_where_it_runs() -> None:
    """Shipped code reaches the local stack only through addresses in the environment."""
    places = re.compile(r"127\.0\.0\.1|localhost|54321|if local\b", re.IGNORECASE)
    assert [path.as_posix() for path in modules(*SHIPPED) if places.search((ROOT / path).read_text())] == []


STATEMENT = re.compile(
    r"\b(select\s.{1,200}\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|"
    r"(create|alter|drop)\s+(table|function|policy|view|index|trigger))\b",
    re.IGNORECASE | re.DOTALL,
)


def test_no_statement_stands_in_shipped_python() -> None:
    """Python names tables and functions; SQL statements are only in the migrations."""
    found = [
        (path.as_posix(), node.lineno)
        for path in modules(*SHIPPED)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.search(node.value)
    ]
    assert found == []


LONGEST_FUNCTION = 36
"""The longest function today. The value may be lowered, never raised."""
LONG = 30
MOST_LONG_FUNCTIONS = 4


def test_functions_do_not_grow() -> None:
    """A ratchet: few functions are longer than thirty lines, none is longer than today's longest."""
    lengths = {
        f"{path.as_posix()}:{name}": length
        for path in modules(*SHIPPED, "local")
        for name, length in functions_of(path)
    }
    long = {name: length for name, length in lengths.items() if length > LONG}
    assert max(long.values(), default=0) <= LONGEST_FUNCTION, long
    assert len(long) <= MOST_LONG_FUNCTIONS, long
    assert sorted(lengths.values())[len(lengths) // 2] <= 14


LONGEST_FILE = 300


def test_files_do_not_grow() -> None:
    """A file has one subject and at most 300 lines."""
    long = [
        path.as_posix()
        for path in modules(*OURS)
        if len((ROOT / path).read_text().splitlines()) > LONGEST_FILE
    ]
    # Test files may be longer: tables of cases have one line for each case.
    assert [path for path in long if not path.startswith("tests/")] == []


@pytest.mark.parametrize("name", FUNCTION_FOLDERS)
def test_every_function_is_whole(name: str) -> None:
    """Every function has an entry point, a URL, schemas and tests."""
    folder = ROOT / "functions" / name
    assert {"handler.py", "routes.py", "schemas.py"} <= {path.name for path in folder.rglob("*.py")}
    assert list((ROOT / "tests" / "functions" / name).rglob("test_*.py")) != []
    url = name.replace("_", "-")
    assert f'"{url}"' in (folder / "handler.py").read_text()


def test_handlers_hold_no_logic() -> None:
    """Handlers build the app and wrap it: they contain no function and no condition."""
    logic = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.Try)
    for name in FUNCTION_FOLDERS:
        assert not [
            node for node in tree(Path("functions", name, "handler.py")).body if isinstance(node, logic)
        ]


VAGUE = {"utils", "util", "helpers", "helper", "manager", "service", "common", "misc", "base", "core"}


def test_a_file_is_named_by_its_noun() -> None:
    """No file has a vague name, or a name that says how or when it was made."""
    made = re.compile(r"(_|^)(new|old|final|enhanced|unified|v[0-9]+)(_|$)")
    names = {path.stem for path in modules(*OURS)}
    assert names & VAGUE == set()
    assert [name for name in names if made.search(name.replace("scan_processor_v2", "scan_processor"))] == []


NOUNS = {"booking", "encoding", "meaning", "reading", "scoring", "seed", "shared", "starting"}
"""Words that end as a participle does, and are none; one folder that is named by one; one before its noun."""

HOUSE_WORDS = {
    "acting": "roles",
    "answering": "answer",
    "asked": "request",
    "begun": "open_stream",
    "canned": "replay",
    "described": "openapi_contract",
    "given": "request",
    "gone": "disconnected",
    "left": "remaining",
    "milking": "abuse",
    "opening": "snapshot",
    "said": "statement",
    "seen": "echo",
    "serving": "ai_reply",
    "shadowed": "shadow_copy",
    "simulated": "provider",
    "told": "reply",
    "wish": "preference",
}
"""By a word that named files or parts of the code: the word for it now (docs/words.md)."""


def test_a_file_is_not_named_by_a_participle() -> None:
    """A folder is a subject and a file one noun of it, which can be spoken about and has a plural."""
    folders = (*OURS, "bench")
    words = {
        (path.as_posix(), word)
        for path in modules(*folders)
        for part in path.with_suffix("").parts
        for word in part.split("_")
    }
    participles = {(path, word) for path, word in words if word.endswith(("ing", "ed")) and word not in NOUNS}
    assert participles == set()
    assert {f"{path}: {HOUSE_WORDS[word]}" for path, word in words if word in HOUSE_WORDS} == set()


SYNONYMS = {
    "asked": "request",
    "begun": "open, or text_sent",
    "fault": "error, failure or problem",
    "faults": "errors",
    "gone": "disconnected",
    "noted": "note_attempt",
    "told": "the noun of what is reported",
    "until": "deadline",
    "wish": "preference",
}
"""By a second word for a thing: the one that shipped code uses."""


def names_of(path: Path) -> Iterator[str]:
    """Yield each name that a file defines: of classes, functions, arguments, variables and attributes."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def test_shipped_code_has_one_word_for_one_thing() -> None:
    """No name in shipped code is a word that the house has replaced by another one."""
    found = [
        f"{path.as_posix()}: {name}; use {SYNONYMS[name.strip('_')]}"
        for path in modules(*SHIPPED)
        for name in names_of(path)
        if name.strip("_") in SYNONYMS
    ]
    assert found == []


def test_no_file_names_the_host_of_a_registry() -> None:
    """Lock files contain only hashes, so that they install from any mirror."""
    npm = [ROOT / "package-lock.json", ROOT / "local" / "browser" / "package-lock.json"]
    for lock in [*(ROOT / "requirements").glob("*.lock"), *npm]:
        text = lock.read_text("utf-8")
        assert '"resolved"' not in text
        assert not re.search(r"--(extra-)?index-url|files\.pythonhosted|registry\.", text), lock


def test_locked_packages_have_hashes() -> None:
    """Every locked package has a hash."""
    for lock in (ROOT / "requirements").glob("*.lock"):
        packages = re.findall(
            r"^[a-zA-Z0-9._-]+(?:\[[^\]]*\])?==.*(?:\n[ \t].*)*", lock.read_text(), re.MULTILINE
        )
        assert packages
        assert [package for package in packages if "--hash=sha256:" not in package] == []


def cases_of(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test functions of a file."""
    return [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_every_test_says_what_it_shows() -> None:
    """Every test has a docstring that ends as a sentence does."""
    silent = [
        f"{path.as_posix()}:{node.name}"
        for path in modules("tests")
        for node in cases_of(path)
        if not (ast.get_docstring(node) or "").rstrip().endswith(".")
    ]
    assert silent == []


def test_no_client_is_patched() -> None:
    """Tests use fakes only at the wire: an HTTP provider and a real PostgreSQL."""
    patching = re.compile(
        r"unittest\.mock|import mock|MagicMock|AsyncMock|monkeypatch\.setattr|respx|pytest_httpx"
    )
    own = Path(__file__).relative_to(ROOT)
    assert [
        path.as_posix()
        for path in modules("tests")
        if path != own and patching.search((ROOT / path).read_text())
    ] == []


STATUS_NAME = re.compile(r"(COMPLETE|SUMMARY|STATUS|CHANGELOG|TODO|NOTES)[^/]*\.md$", re.IGNORECASE)


def test_no_document_tells_how_the_work_went() -> None:
    """Documents describe the present state; the history is in git."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert [path.name for path in documents if STATUS_NAME.search(path.name)] == []
