"""The rows that the public may read in every workspace: each by its name, read from docs/security.md."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "security.md"

# If a workspace's page is closed, only this table is open: of other tables only active or recent rows are.
OPEN_THOUGH_SHUT = {"company_profiles"}

Lines = dict[str, set[str]]


def table_below(heading: str) -> Lines:
    """Return the table below a heading of the document: each first column's name, and the policies that it quotes."""
    section = DOCUMENT.read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^\| `([^`]+)` (.*)$", section, re.MULTILINE)
    return {name: set(re.findall(r"«([^»]+)»", rest)) for name, rest in lines}


OPEN_TO_READ = table_below("Rows that everyone can read")
OPEN_TO_WRITE = table_below("Rows that everyone can write")
OPEN_TO_CALL = table_below("Functions that the anonymous key may call")
SAID_TO_VISITORS = table_below("What the model may say to a visitor")


def is_open(column: str, *, shut: bool) -> bool:
    """Return whether the page's policies open a column, `table.column`, of a workspace with an open or closed page."""
    return column.split(".", maxsplit=1)[0] in (OPEN_THOUGH_SHUT if shut else OPEN_TO_READ)


def may_be_said(column: str) -> bool:
    """Return whether the model may say a column, `table.column`, to a visitor."""
    return column in SAID_TO_VISITORS or f"{column.split('.', maxsplit=1)[0]}.*" in SAID_TO_VISITORS
