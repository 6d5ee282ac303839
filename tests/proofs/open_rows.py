"""What another workspace's rows the present page leaves open: each by name, read from docs/security.md."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "security.md"

# Of a workspace whose page is shut this alone is open: of the other tables only rows that are switched on, or young.
OPEN_THOUGH_SHUT = {"company_profiles"}

Lines = dict[str, set[str]]


def table_below(heading: str) -> Lines:
    """The table below a heading of the document: the name in its first column, and the policies that it quotes."""
    section = DOCUMENT.read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^\| `([^`]+)` (.*)$", section, re.MULTILINE)
    return {name: set(re.findall(r"«([^»]+)»", rest)) for name, rest in lines}


OPEN_TO_READ = table_below("Rows that everyone can read")
OPEN_TO_WRITE = table_below("Rows that everyone can write")
OPEN_TO_CALL = table_below("Functions that the anonymous key may call")
TOLD_BY_THE_PAGE = table_below("What the model may say to a visitor")


def is_open(column: str, *, shut: bool) -> bool:
    """Whether the page's own policies open a column, `table.column`, of a workspace whose page is shut or not."""
    return column.split(".", maxsplit=1)[0] in (OPEN_THOUGH_SHUT if shut else OPEN_TO_READ)


def is_told(column: str) -> bool:
    """Whether a page may tell its visitors a column, `table.column`."""
    return column in TOLD_BY_THE_PAGE or f"{column.split('.', maxsplit=1)[0]}.*" in TOLD_BY_THE_PAGE
