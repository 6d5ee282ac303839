"""What a start imports: only what stands on the list, so that no library slips into it unseen."""

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

# What FastAPI, Mangum, Pydantic, PostgREST's client and PyJWT stand on.
LISTED = {
    "_cffi_backend", "annotated_doc", "annotated_types", "anyio", "certifi", "cryptography", "deprecation",
    "email_validator", "fastapi", "h11", "h2", "hpack", "httpcore", "httpx", "hyperframe", "idna", "jwt", "mangum",
    "multidict", "opentelemetry", "packaging", "postgrest", "propcache", "pydantic", "pydantic_core", "sniffio",
    "starlette", "typing_extensions", "typing_inspection", "yarl",
}  # fmt: skip
OF_ONE = {"public_chatbot_chat": {"phonenumbers"}, "scan_processor_v2": {"phonenumbers"}}

# Imports an entry as its package would: the command line of httpx is not in there.
SHOW = """
import json, sys
sys.modules.update(click=None, rich=None)
__import__({module!r})
print(json.dumps(sorted({{name.partition(".")[0] for name, module in sys.modules.items() if module}})))
"""


def brought(module: str) -> set[str]:
    """The packages, beside Python's own and ours, that an import of the module brings."""
    env = LEAST | {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW.format(module=module)], env=env, cwd=ROOT, check=True, capture_output=True
    )
    found: set[str] = set(json.loads(shown.stdout.splitlines()[-1]))
    return found & packages_distributions().keys() - {"functions", "shared", "_distutils_hack", "coverage"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_start_imports_what_is_listed_and_nothing_else(folder: str) -> None:
    """Neither the provider's SDK nor the platform's: those come when a call needs them."""
    assert brought(f"functions.{folder}.handler") - LISTED - OF_ONE.get(folder, set()) == set()


def test_the_list_holds_nothing_that_no_start_brings() -> None:
    """What has left is struck off."""
    everything = set().union(*(brought(f"functions.{folder}.handler") for folder in FOLDERS))
    assert LISTED | set().union(*OF_ONE.values()) == everything


@pytest.mark.parametrize("heavy", ["openai", "boto3", "supabase"])
def test_what_is_known_to_be_heavy_would_be_noticed(heavy: str) -> None:
    """The search finds such a package where it is imported."""
    assert heavy in brought(heavy) - LISTED
