"""Rules of the schema as queries that must return no row, each shown to find what breaks it."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.migrations.manifest import SHARED

SCRIPT = Path(__file__).with_name("lints.sql").read_text()
LINTS = dict(re.findall(r"^-- lint: (.+)\n((?:.+\n)+)", SCRIPT, re.MULTILINE))
OWN = "using ((select auth.uid()) = user_id)"
TABLE = """
create table public.bad (id integer primary key, user_id uuid);
alter table public.bad enable row level security;
"""
FUNCTION = "create function public.bad() returns integer language sql"
BREACHES = [
    ("row security is off", "create table public.bad ()", "public.bad"),
    ("row security is off", "create table nexscout.bad ()", "nexscout.bad"),
    (
        "policy on a table of ours is always true",
        f"{TABLE} create policy open on public.bad for select to anon using (true)",
        "public.bad open",
    ),
    (
        "policy on a table of ours is always true",
        f"{TABLE} create policy open on public.bad for insert to anon with check (true)",
        "public.bad open",
    ),
    (
        "search path of a function is the caller's",
        f"{FUNCTION} as 'select 1'",
        "public.bad()",
    ),
    (
        "function with its owner's rights is open to a client key in an exposed schema",
        f"{FUNCTION} security definer set search_path = '' as 'select 1'",
        "public.bad()",
    ),
    (
        "policy of ours asks who the caller is for every row",
        f"{TABLE} create policy slow on public.bad for select to anon using (auth.uid() = user_id)",
        "public.bad slow",
    ),
    (
        "policy of ours asks who the caller is for every row",
        f"{TABLE} create policy slow on public.bad for select to anon using (nexscout.is_admin())",
        "public.bad slow",
    ),
    (
        "foreign key of ours has no index",
        f"{TABLE} alter table public.bad add foreign key (user_id) references auth.users (id)",
        "public.bad FOREIGN KEY (user_id) REFERENCES auth.users(id)",
    ),
    (
        "foreign key of ours has no index",
        f"""{TABLE} alter table public.bad add foreign key (user_id) references auth.users (id);
            create index on public.bad (id, user_id)""",
        "public.bad FOREIGN KEY (user_id) REFERENCES auth.users(id)",
    ),
    (
        "foreign key of ours has no index",
        f"""{TABLE} alter table public.bad add foreign key (user_id) references auth.users (id);
            create index on public.bad (user_id) where id > 7""",
        "public.bad FOREIGN KEY (user_id) REFERENCES auth.users(id)",
    ),
    (
        "column that a policy of ours compares has no index",
        f"{TABLE} create policy own on public.bad for select to authenticated {OWN}",
        "public.bad user_id",
    ),
    (
        "policies of ours share a verb and a role",
        f"""{TABLE} create policy one on public.bad for select to anon {OWN};
            create policy two on public.bad for select to anon {OWN}""",
        "public.bad r anon",
    ),
    (
        "policies of ours share a verb and a role",
        f"{TABLE} create policy every on public.bad to anon {OWN}",
        "public.bad * anon",
    ),
    (
        "policies of ours share a verb and a role",
        f"{TABLE} create policy everybody on public.bad for select {OWN}",
        "public.bad r -",
    ),
    ("view reads with its owner's rights", "create view public.bad as select 1 as one", "public.bad"),
]


@pytest.fixture
def rolled_back(migrated: str) -> Iterator[psycopg.Connection]:
    """Yield a connection whose changes are undone; names are printed qualified."""
    with psycopg.connect(migrated) as connection:
        connection.execute("set local search_path = ''")
        yield connection
        connection.rollback()


def breaches(connection: psycopg.Connection, lint: str) -> list[str]:
    """Return the rows of a lint."""
    return [name for (name,) in connection.execute(LINTS[lint].encode(), {"shared": SHARED})]


@pytest.mark.parametrize("lint", LINTS)
def test_schema_keeps_the_rule(lint: str, rolled_back: psycopg.Connection) -> None:
    """Nothing in the migrated database breaks the rule."""
    assert breaches(rolled_back, lint) == []


@pytest.mark.parametrize(("lint", "bad", "name"), BREACHES)
def test_breach_is_found(lint: str, bad: str, name: str, rolled_back: psycopg.Connection) -> None:
    """The lint of the rule finds an object that breaks it."""
    rolled_back.execute(bad.encode())
    assert breaches(rolled_back, lint) == [name]


def test_every_lint_has_a_breach() -> None:
    """Every rule has an object that breaks it."""
    assert {lint for lint, _, _ in BREACHES} == set(LINTS)
