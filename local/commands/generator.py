"""`nexscout new`: writes the parts of a new function that makes one paid AI call."""

import keyword
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from local.problem import Problem
from local.project import PROJECT

app = typer.Typer(no_args_is_help=True, help="Begin something new.")

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 40
"""With the service and the stage before it and a word after it, it must fit the platform's limit for names."""

STREAMS = "  # The same zips under uvicorn"
STACK_ROOMS = "[local]"
LAST_ROW = re.compile(r"(?:\| `[a-z0-9-]+` \|[^\n]*\n)+")


@dataclass(frozen=True)
class NewFunction:
    """A function that will be written."""

    name: str
    premium: int
    standard: int

    @property
    def folder(self) -> str:
        """Return the name of its package."""
        return self.name.replace("-", "_")

    def fill(self, template: str) -> str:
        """Return a template with the function's names and prices."""
        title = "".join(word.capitalize() for word in self.name.split("-"))
        text = (TEMPLATES / f"{template}.txt").read_text("utf-8")
        return Template(text).substitute(
            name=self.name,
            folder=self.folder,
            title=title,
            action=f"ai_{self.folder}",
            premium=self.premium,
            standard=self.standard,
        )

    def files(self) -> dict[Path, str]:
        """Return the new files, by their path in the project."""
        own, tests = Path("functions", self.folder), Path("tests", "functions", self.folder)
        parts = ("handler", "routes", "schemas", "task", "openapi")
        return {
            own / "__init__.py": self.fill("package"),
            **{own / f"{part}.py": self.fill(part) for part in parts},
            own / "prompts" / f"{self.folder}.txt": self.fill("prompt"),
            tests / "__init__.py": self.fill("tests_package"),
            tests / f"test_{self.folder}.py": self.fill("test"),
            Path("supabase", "migrations", f"{next_version()}_price_of_{self.folder}.sql"): self.fill(
                "price"
            ),
        }

    def changes(self) -> dict[Path, str]:
        """Return the existing files that list every function, with this one added.

        Raises:
            Problem: when a file has no place for it.
        """
        serverless, rooms, readme = Path("serverless.yml"), Path("tests/rooms.toml"), Path("README.md")
        return {
            serverless: before(serverless, STREAMS, self.fill("entry")),
            rooms: before(rooms, STACK_ROOMS, self.fill("room")),
            readme: with_row(readme, f"| `{self.name}` | one AI call for a signed-in user |\n"),
        }


@app.command()
def function(
    name: Annotated[str, typer.Argument(help="Its name as in the address, such as greet.")],
    premium: Annotated[int, typer.Option(min=0, help="Energy of a call that a premium model serves.")] = 10,
    standard: Annotated[int, typer.Option(min=0, help="Energy of a call that a standard model serves.")] = 3,
) -> None:
    """Write a function that makes one paid AI call, with its test, its price and its entries in other files.

    The next start of `make dev` serves it at /functions/v1/NAME. An existing file is never overwritten.
    """
    check(name)
    new = NewFunction(name, premium, standard)
    written = {**new.files(), **new.changes()}
    for path, text in written.items():
        (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
        (PROJECT / path).write_text(text, "utf-8")
        print(path)
    print(f"\nTest it: make test T=tests/functions/{new.folder}")
    print("Serve it: make dev (if it runs, stop it first: only a start adds a function and its price)")


def check(name: str) -> None:
    """Raise Problem unless this can be the name of a new function."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME or keyword.iskeyword(name):
        raise Problem(
            f"«{name}» cannot be a function's name: lower-case words joined by dashes, at most {LONGEST_NAME} letters, "
            "and no word of Python."
        )
    if name.endswith(("-stream", "-jobs")):
        raise Problem(f"{name} ends as the second entry of a function does: choose another name.")
    for folder in (Path("functions"), Path("tests", "functions")):
        place = folder / name.replace("-", "_")
        if (PROJECT / place).exists():
            raise Problem(f"{place} is there already.")
    if f"\n  {name}:" in (PROJECT / "serverless.yml").read_text("utf-8").partition("\nfunctions:\n")[2]:
        raise Problem(f"serverless.yml has an entry {name} already: choose another name.")


def next_version() -> str:
    """Return the version of a new migration: the present time, or the last version plus one if that is later."""
    known = [path.name.partition("_")[0] for path in (PROJECT / "supabase" / "migrations").glob("*.sql")]
    last = max(map(int, known), default=0)
    return str(max(int(datetime.now(UTC).strftime("%Y%m%d%H%M%S")), last + 1))


def before(path: Path, mark: str, text: str) -> str:
    """Return a file of the project with a text inserted before its line that starts with the mark."""
    old = (PROJECT / path).read_text("utf-8")
    if old.count(f"\n{mark}") != 1:
        raise Problem(f"{path} has not exactly one line that begins with «{mark.strip()}».")
    return old.replace(f"\n{mark}", f"\n{text}{mark}")


def with_row(path: Path, row: str) -> str:
    """Return a file of the project with a row added to its table of functions."""
    old = (PROJECT / path).read_text("utf-8")
    found = LAST_ROW.search(old)
    if found is None:
        raise Problem(f"{path} has no table of functions.")
    return old[: found.end()] + row + old[found.end() :]
