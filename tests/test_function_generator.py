"""`nexscout new function greet`: a complete function that sells one AI call."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.copies import clone, own_environment
from tests.function_parts import missing

NAME = "greet"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a copy of the project in which the function has just been written."""
    with clone(tmp_path_factory.mktemp("clone")) as folder:
        made = run(folder, ".venv/bin/nexscout", "new", "function", NAME)
        assert made.returncode == 0, made.stderr
        yield folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the copy and return its result."""
    return subprocess.run(
        command, cwd=folder, env=own_environment(), capture_output=True, text=True, check=False
    )


def tried(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the copy in the copy."""
    return run(
        project, ".venv/bin/python", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *arguments
    )


def test_nothing_is_missing(project: Path) -> None:
    """The new function has every required part."""
    assert missing(project, NAME) == []


def test_its_own_tests_and_those_of_every_function_hold(project: Path) -> None:
    """These are one paid call on a stack of the copy, its document, and the order of its modules."""
    ended = tried(
        project, "tests/functions/greet", "tests/functions/test_documents.py", "tests/test_functions.py",
        "tests/test_rooms.py", "-k", NAME,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert int(re.findall(r"(\d+) passed", ended.stdout)[-1]) >= 13


def test_it_is_deployed_without_a_change_by_hand(project: Path) -> None:
    """Entry, paths, distribution, role and alarms satisfy the tests of the template."""
    ended = tried(project, "tests/infra", "-k", "dev and not lint and not address")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    shown = run(
        project, ".venv/bin/python", "-c",
        "import json\n"
        "from pathlib import Path\n"
        "from local.package.contents import of_function\n"
        "print(json.dumps([str(place) for place, _ in of_function('greet', Path('nowhere'))]))",
    )  # fmt: skip
    shipped = set(json.loads(shown.stdout))
    assert {
        "functions/greet/handler.py",
        "functions/greet/prompts/greet.txt",
        "shared/lambda_/http.py",
    } <= shipped


def test_it_is_linted_and_formatted(project: Path) -> None:
    """The linter finds nothing, and the formatter would change nothing."""
    for command in (["check"], ["format", "--check"]):
        linted = run(project, sys.executable, "-m", "ruff", *command, "functions", "tests")
        assert linted.returncode == 0, linted.stdout


@pytest.mark.soak
def test_its_types_are_checked_and_the_repository_holds(project: Path) -> None:
    """The new code passes the strict type check and the repository's tests."""
    ended = tried(project, "tests/test_repository.py", "tests/test_start.py")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    typed = run(project, sys.executable, "-m", "mypy", "functions/greet", "tests/functions/greet")
    assert typed.returncode == 0, typed.stdout


@contextmanager
def changed(path: Path, pattern: str, text: str) -> Iterator[None]:
    """Change a text in a file, for the block."""
    whole = path.read_text("utf-8")
    other = re.sub(pattern, text, whole, flags=re.DOTALL | re.MULTILINE)
    assert other != whole
    path.write_text(other, "utf-8")
    try:
        yield
    finally:
        path.write_text(whole, "utf-8")


ALL = r"\A.*\Z"

# The removed text, its file, and the resulting sentence.
CUTS = {
    "entry point": ("functions/greet/handler.py", ALL, "has no entry point: functions/greet/handler.py must"),
    "route": ("functions/greet/routes.py", r"^@router.post.*", "has no route: functions/greet/routes.py must"),
    "prompt": ("functions/greet/prompts/greet.txt", ALL, "has no prompt: what the model is told belongs into"),
    "document": ("functions/greet/openapi.py", ALL, "has no OpenAPI document: functions/greet/openapi.py must"),
    "served document": ("functions/greet/routes.py", r"^router.add_api_route[^\n]*", "does not serve its OpenAPI"),
    "test": ("tests/functions/greet/test_greet.py", ALL, "has no test: write one in tests/functions/greet/."),
    "action": ("functions/greet/task.py", r'^    action = "ai_greet"\n', "costs nothing: its task must set"),
    "price": ("supabase/migrations/*_price_of_greet.sql", r"'premium'", "has no price for ai_greet in the class prem"),
    "entry": ("serverless.yml", r"functions\.greet\.handler", "has no entry in serverless.yml"),
    "package": ("serverless.yml", r"lambda/greet\.zip", "has no package in serverless.yml"),
    "path": ("serverless.yml", r"- httpApi: ANY /functions/v1/greet\n", "has no path in serverless.yml"),
    "rest": ("serverless.yml", r"v1/greet/\{proxy\+\}", "has no path below its own in serverless.yml"),
    "room": ("tests/rooms.toml", r"functions/greet", "has no order of its rooms: tests/rooms.toml must"),
    "README": ("README.md", r"^\| `greet` [^\n]*\n", "is not in the README"),
}  # fmt: skip


@pytest.mark.parametrize("part", CUTS)
def test_each_part_that_is_cut_is_named(project: Path, part: str) -> None:
    """One clear sentence names the one missing part."""
    place, pattern, sentence = CUTS[part]
    [path] = project.glob(place)
    with changed(path, pattern, ""):
        [told] = missing(project, NAME)
    assert told.startswith(f"{NAME} {sentence}")


def test_a_missing_schema_is_named(project: Path, tmp_path: Path) -> None:
    """The whole file is missing."""
    path, aside = project / "functions" / "greet" / "schemas.py", tmp_path / "schemas.py"
    path.rename(aside)
    [told] = missing(project, NAME)
    aside.rename(path)
    assert told.startswith("greet has no schema")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (NAME, "functions/greet is there already"),
        ("", "«» cannot be a function's name"),
        ("Greet", "«Greet» cannot be a function's name"),
        ("import", "«import» cannot be a function's name"),
        ("a" * 41, "cannot be a function's name"),
        ("sweep", "serverless.yml has an entry sweep already"),
        ("scan-worker", "serverless.yml has an entry scan-worker already"),
        ("greet-stream", "ends as the second entry of a function does"),
    ],
)
def test_a_name_that_cannot_be_is_refused(project: Path, name: str, sentence: str) -> None:
    """The error is one sentence, and nothing is written."""
    before = sorted(path for path in project.rglob("*") if ".local" not in path.parts)
    refused = run(project, ".venv/bin/nexscout", "new", "function", name)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert sentence in refused.stderr
    assert sorted(path for path in project.rglob("*") if ".local" not in path.parts) == before


@pytest.mark.parametrize(
    ("place", "pattern"),
    [
        ("serverless.yml", "  # The same zips"),
        ("tests/rooms.toml", r"^\[local\]"),
        ("README.md", r"^\| `[a-z]"),
    ],
)
def test_a_file_without_a_place_for_it_is_named(project: Path, place: str, pattern: str) -> None:
    """The error comes before anything is written."""
    with changed(project / place, pattern, "gone"):
        refused = run(project, ".venv/bin/nexscout", "new", "function", "welcome")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"nexscout: {place} has ")
    assert not (project / "functions" / "welcome").exists()
