"""What a start imports: only packages on the list, so that no library is added unnoticed."""

import ast
import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))

LEAST = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc",
    "SUPABASE_SECRET_KEY": "sb_secret_def",
    "OPENAI_API_KEY": "sk-none",
}

# The dependencies of FastAPI, Mangum, Pydantic, Supabase's client and PyJWT. That client imports all of its parts here;
# in the package those that no call uses are imported at their first use (tests/local/package/test_lazy.py).
LISTED = {
    "_cffi_backend", "annotated_doc", "annotated_types", "anyio", "certifi", "cryptography", "deprecation",
    "email_validator", "fastapi", "h11", "h2", "hpack", "httpcore", "httpx", "hyperframe", "idna", "jwt", "mangum",
    "multidict", "opentelemetry", "packaging", "postgrest", "propcache", "pydantic", "pydantic_core", "realtime",
    "sniffio", "starlette", "storage3", "supabase", "supabase_auth", "supabase_functions", "typing_extensions",
    "typing_inspection", "websockets", "yarl",
}  # fmt: skip

# Import an entry point as its package would, where the command line of httpx is not included.
SHOW = """
import json, sys
sys.modules.update(click=None, rich=None)
__import__({module!r})
print(json.dumps([name for name, module in sys.modules.items() if module]))
"""


def imported(code: str, **env: str) -> set[str]:
    """Return the modules that an interpreter has loaded after the code."""
    known = LEAST | {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, env=known | env, cwd=ROOT, check=True, capture_output=True)
    return set(json.loads(shown.stdout.splitlines()[-1]))


def brought(module: str) -> set[str]:
    """Return the packages that an import of the module loads, without the standard library and our own."""
    found = {name.partition(".")[0] for name in imported(SHOW.format(module=module))}
    return found & packages_distributions().keys() - {"functions", "shared", "_distutils_hack", "coverage"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_start_imports_what_is_listed_and_nothing_else(folder: str) -> None:
    """Neither the provider's and the platform's SDKs nor the libraries for names and numbers are imported at start."""
    assert brought(f"functions.{folder}.handler") - LISTED == set()


def test_the_list_holds_nothing_that_no_start_brings() -> None:
    """Every package on the list is imported by some start."""
    everything = set().union(*(brought(f"functions.{folder}.handler") for folder in FOLDERS))
    assert everything == LISTED


def left_for_later(folder: str) -> set[str]:
    """Return the modules that a function imports while it serves, not when it starts."""
    found = set()
    for path in (ROOT / "functions" / folder).rglob("*.py"):
        for made in ast.walk(ast.parse(path.read_text())):
            if isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {
                    str(node.module)
                    for node in ast.walk(made)
                    if isinstance(node, ast.ImportFrom) and str(node.module).startswith("functions.")
                }
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_snapshot_holds_what_a_start_leaves_for_later(folder: str) -> None:
    """A process of which a snapshot is made has imported them before, so that no caller waits after a restore."""
    entry, later = f"functions.{folder}.handler", left_for_later(folder)
    at_start = imported(SHOW.format(module=entry))
    snapshot = imported(
        f"import awslambdaric{SHOW.format(module=entry)}", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start"
    )
    assert (later & at_start, later - snapshot) == (set(), set())
    assert "openai" in snapshot - at_start


def test_something_is_left_for_later() -> None:
    """Two functions import the libraries for names and numbers later."""
    left = {folder for folder in FOLDERS if left_for_later(folder)}
    assert left == {"public_chatbot_chat", "scan_processor_v2"}


@pytest.mark.parametrize("heavy", ["openai", "boto3", "phonenumbers"])
def test_what_is_known_to_be_heavy_would_be_noticed(heavy: str) -> None:
    """The search finds a heavy package where it is imported."""
    assert heavy in brought(heavy) - LISTED
