"""docs/money.md: its SQL runs, and returns the shown output."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from local.migrations.apply import apply
from local.migrations.source import split
from local.project import PROJECT
from shared.ai.money.outcomes import Outcome
from tests.conftest import EmptyDatabase

GUIDE = (PROJECT / "docs" / "money.md").read_text()
BLOCK = re.compile(r"```(sql|text)\n(.*?)```", re.DOTALL)
Example = tuple[str, str]


def examples(guide: str) -> list[Example]:
    """Return each block of SQL with the output below it, if there is one."""
    blocks = BLOCK.findall(guide)
    following = [*blocks[1:], ("sql", "")]
    return [
        (text, below if kind_below == "text" else "")
        for (kind, text), (kind_below, below) in zip(blocks, following, strict=True)
        if kind == "sql"
    ]


def shown(cursor: psycopg.Cursor) -> str:
    """Return the last result in the guide's form: a line of names, then one line for each row, in columns."""
    if cursor.description is None:
        return ""
    rows = [[column.name for column in cursor.description]]
    rows += [[in_words(value) for value in row] for row in cursor.fetchall()]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [" | ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)) for row in rows]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def in_words(value: object) -> str:
    """Return a value in the guide's form."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture
def connection(empty_database: EmptyDatabase) -> Iterator[psycopg.Connection]:
    """Yield a new database with all migrations, as its owner."""
    url = empty_database()
    apply(url)
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


def test_examples_give_what_they_show(connection: psycopg.Connection) -> None:
    """Each block of SQL, run after those before it, gives the output below it."""
    found = []
    for script, output in examples(GUIDE):
        cursor = connection.cursor()
        for statement in split(script):
            cursor.execute(statement.encode())
        found.append((script, shown(cursor) if output else ""))
    assert found == examples(GUIDE)
    assert len(found) > 20


def test_every_outcome_of_money_is_named() -> None:
    """The table at the end has every outcome of reserve, settle and release."""
    named = set(re.findall(r"`(\w+)`", GUIDE.partition("## All outcomes")[2]))
    every = list(Outcome)
    assert {str(one) for one in every[: every.index(Outcome.UNKNOWN_REQUEST) + 1]} <= named
