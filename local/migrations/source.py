"""`supabase/sql`: the only source of functions, views, policies, triggers and grants.

The files in its folders are applied in the order of their paths, then those beside the folders (the grants).
Every file may be applied again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from local.project import PROJECT

FOLDER = PROJECT / "supabase" / "sql"
# Functions call functions of later files: their bodies are checked when all of them exist.
UNCHECKED = "set check_function_bodies = off;"
CHECKED = "reset check_function_bodies;"
CHECK_BODIES = """
select case lang.lanname
  when 'sql' then pg_catalog.fmgr_sql_validator(proc.oid) else pg_catalog.plpgsql_validator(proc.oid) end
from pg_catalog.pg_proc proc join pg_catalog.pg_language lang on lang.oid = proc.prolang
where proc.pronamespace in ('public'::regnamespace, 'nexscout'::regnamespace) and lang.lanname in ('sql', 'plpgsql')
"""
# Comments, strings and quoted bodies contain semicolons that do not end a statement.
TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|(?P<tag>\$\w*\$).*?(?P=tag)|(?P<end>;)", re.DOTALL
)
COMMENT = re.compile(r"^\s*--[^\n]*\n", re.MULTILINE)
NAME = r"(?P<name>[a-z_]+\.[a-z_0-9]+)"
# What a statement defines, anywhere in it: a block may define several objects.
DEFINITIONS = {
    "function": re.compile(rf"\bcreate (?:or replace )?(?:function|procedure) {NAME}"),
    "view": re.compile(rf"\bcreate (?:or replace )?view {NAME}"),
    "policy": re.compile(rf'\bcreate policy (?P<label>"[^"]+") on {NAME}'),
    "trigger": re.compile(rf"\bcreate or replace trigger (?P<label>\w+)\s[^;]*?\bon {NAME}"),
}
# The policies of the app's tables are rows of table, name and rule.
APP_POLICY = re.compile(r"\('(?P<table>\w+)', '(?P<label>[^']+)',\s*'for ")
COMPANIONS = {
    "function": re.compile(rf"^comment on function {NAME}"),
    "view": re.compile(rf"^comment on view {NAME}"),
    "policy": re.compile(rf'^drop policy if exists (?P<label>"[^"]+") on {NAME}'),
}


@dataclass(frozen=True)
class Statement:
    """A statement with the comments above it, and what it defines or belongs to, as `function nexscout.hold`."""

    text: str
    defines: frozenset[str]
    belongs_to: frozenset[str]

    @property
    def is_block(self) -> bool:
        """Return whether it is a block, which decides for itself what it does."""
        return bare(self.text).startswith("do ")

    @property
    def goes_with_the_one_above(self) -> bool:
        """Return whether it comments on the definition before it, or defines what was dropped before it."""
        return self.text.startswith(("comment on ", "create policy "))


def files(folder: Path = FOLDER) -> list[Path]:
    """Return the files of the source in the order in which they are applied."""
    return [*sorted(folder.glob("*/*.sql")), *sorted(folder.glob("*.sql"))]


def statements(folder: Path = FOLDER) -> list[Statement]:
    """Return all statements of the source, in order."""
    return [read(text) for path in files(folder) for text in split(path.read_text(encoding="utf-8"))]


def split(script: str) -> Iterator[str]:
    """Return the statements of a script, each with the comments above it."""
    start = 0
    for token in TOKEN.finditer(script):
        if token["end"]:
            yield script[start : token.end()].strip()
            start = token.end()


def read(text: str) -> Statement:
    """Return a statement with what it defines."""
    defines = set(found(DEFINITIONS, bare(text)))
    defines |= {f'policy public.{row["table"]} "{row["label"]}"' for row in APP_POLICY.finditer(text)}
    return Statement(text, frozenset(defines), frozenset(found(COMPANIONS, bare(text))))


def found(patterns: dict[str, re.Pattern[str]], text: str) -> Iterator[str]:
    """Yield the names of the objects that the patterns find in a statement."""
    for kind, pattern in patterns.items():
        for match in pattern.finditer(text):
            label = match.groupdict().get("label")
            yield f"{kind} {match['name']}" + (f" {label}" if label else "")


def bare(text: str) -> str:
    """Return a statement without the comments above it."""
    return COMMENT.sub("", text).strip()


def apply(connection: psycopg.Connection, folder: Path = FOLDER) -> None:
    """Apply the source to a database that has the tables, in one transaction.

    Raises:
        psycopg.Error: when a statement fails, or the body of a function is not valid.
    """
    with connection.transaction():
        connection.execute(UNCHECKED.encode())
        for path in files(folder):
            connection.execute(path.read_bytes())
        connection.execute(CHECKED.encode())
        connection.execute(CHECK_BODIES.encode())
