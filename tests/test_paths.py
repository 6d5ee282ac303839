"""Every path and link in documents, code and messages leads to an existing file."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READ = {".py", ".md", ".js", ".mjs", ".sql", ".sh", ".yml", ".toml", ".json", ".txt", ".html", ".css", ""}
UNREAD = {"package-lock.json", "prices.json", "conversations.json", "labels.json"}

FOLDERS = "bench|deploy|docs|functions|local|requirements|shared|supabase|tests|web"
# A path from the root: nothing before it that belongs to another path, address, package, variable or word.
NAMED = re.compile(rf"(?<![\w/.@$<>{{}}*-])((?:{FOLDERS})/[\w*./-]*[\w*/])")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

# Texts that only look like our paths: URLs of functions, files that a tool or a test makes, modules of packages.
ELSEWHERE = re.compile(
    r"functions/v1\b|supabase/\.temp\b|functions/greet\b|tests/functions/greet\b|.*_of_greet\.sql|shared/module\.py|supabase/[\w/]+\.py"
)


def files(root: Path) -> list[Path]:
    """Return the text files that belong to the project, as paths from its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    if not (root / ".git").exists():
        return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [Path(line) for line in listed if (root / line).is_file()]
    return [path for path in found if path.suffix in READ and path.name not in UNREAD]


def dead_ends(root: Path, path: Path) -> Iterator[str]:
    """Yield a sentence for each path and link in a file that leads nowhere."""
    text = (root / path).read_text("utf-8")
    for named in sorted(set(NAMED.findall(text))):
        if not ELSEWHERE.match(named) and not leads(root, named):
            yield f"{path} names {named}, which is not there"
    if path.suffix == ".md":
        for target in LINK.findall(text):
            if not re.match(r"[a-z]+:", target) and not is_linked(root / path, target):
                yield f"{path} links to {target}, which is not there"


def leads(root: Path, named: str) -> bool:
    """Return whether a path exists, as a file, a folder, a module without its ending, or a pattern."""
    place = named.rstrip("/.")
    return any(any(root.glob(f"{place}{ending}")) for ending in ("", ".py"))


def is_linked(document: Path, target: str) -> bool:
    """Return whether a link of a document leads to a file, and to a heading in it if it names one."""
    place, _, anchor = target.partition("#")
    linked = document.parent / place if place else document
    if not linked.exists():
        return False
    return not anchor or anchor in {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(linked.read_text("utf-8"))
    }


@pytest.mark.parametrize("kind", sorted({path.suffix for path in files(ROOT)}))
def test_every_path_and_link_leads_somewhere(kind: str) -> None:
    """This is checked in code, messages, comments and documents."""
    own = Path(__file__).relative_to(ROOT)
    found = [
        sentence
        for path in files(ROOT)
        if path.suffix == kind and path != own
        for sentence in dead_ends(ROOT, path)
    ]
    assert found == []


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    """A missing path, link or heading is named; an existing one is not."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "there.md").write_text("# One heading\n")
    page = tmp_path / "page.md"
    page.write_text(
        "docs/there.md docs/gone.md [a](docs/there.md#one-heading) [b](docs/there.md#none) [c](gone.md) "
        "https://example.com/docs/other.md [d](https://example.com)"
    )
    assert list(dead_ends(tmp_path, Path("page.md"))) == [
        "page.md names docs/gone.md, which is not there",
        "page.md links to docs/there.md#none, which is not there",
        "page.md links to gone.md, which is not there",
    ]
