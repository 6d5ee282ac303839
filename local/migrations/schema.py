"""Writes the migration that updates the result of the migrations to the source."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from local.migrations import apply, objects, source
from local.migrations.empty_project import empty_projects
from local.migrations.objects import Object, Objects
from local.migrations.source import CHECKED, UNCHECKED, Statement
from local.problem import Problem

STORAGE = Path(__file__).with_name("storage.sql")
# Dropped in this order: each kind depends on those after it.
DROPPED = ("trigger", "policy", "view", "function")
# The hosted default, from which the source's grants revoke.
AS_HOSTED = """
do $$
declare
  item record;
begin
  for item in
    select format('drop policy %I on %I.%I', policyname, schemaname, tablename) as statement
    from pg_catalog.pg_policies where schemaname in ('public', 'nexscout', 'storage')
    union all
    select format('drop trigger %I on %s', tgname, tgrelid::regclass) from pg_catalog.pg_trigger act
    join pg_catalog.pg_class class on class.oid = act.tgrelid
    where not tgisinternal and class.relnamespace in ('public'::regnamespace, 'nexscout'::regnamespace)
  loop
    execute item.statement;
  end loop;
  for item in
    select oid::regclass as name from pg_catalog.pg_class
    where relkind = 'v' and relnamespace in ('public'::regnamespace, 'nexscout'::regnamespace)
  loop
    execute format('drop view if exists %s cascade', item.name);
  end loop;
  for item in
    select oid::regprocedure as name from pg_catalog.pg_proc
    where pronamespace in ('public'::regnamespace, 'nexscout'::regnamespace)
  loop
    execute format('drop routine %s', item.name);
  end loop;
end
$$;
revoke all on all tables in schema nexscout from public, anon, authenticated, service_role;
revoke all on schema nexscout from public, anon, authenticated, service_role;
revoke all on all tables in schema public from public;
grant all on all tables in schema public to anon, authenticated, service_role;
"""
KEYS = ("public", "anon", "authenticated", "service_role")
VERBS = "delete, insert, references, select, trigger, truncate, update"
# All rights that can be granted on each kind.
GRANTED = {"function": "execute", "schema": "usage", "table": VERBS, "view": VERBS}
LINE = 120
HEAD = "-- Written by `nexscout schema migration {name}` from supabase/sql."


@dataclass
class Difference:
    """The result of the migrations, the state of the source, and what depends on objects that must be dropped."""

    given: Objects
    wanted: Objects
    statements: list[Statement]
    on_dropped: set[str] = field(default_factory=set)

    @property
    def dropped(self) -> list[str]:
        """Return what was removed, cannot be changed in place, or depends on such an object, in order of dropping."""
        names = self.gone_or_reshaped() | self.on_dropped
        return sorted(names, key=lambda name: (DROPPED.index(self.given[name].kind), name))

    @property
    def defined(self) -> list[Object]:
        """Return what is new, changed, or was dropped because of another object."""
        changed = {one for one in self.wanted if self.wanted[one] != self.given.get(one)} | self.on_dropped
        return [self.wanted[one] for one in sorted(changed & self.wanted.keys())]

    def gone_or_reshaped(self) -> set[str]:
        """Return the identities of what was removed or cannot be changed in place."""
        return {
            one
            for one, given in self.given.items()
            if given.kind in DROPPED and (one not in self.wanted or self.wanted[one].shape != given.shape)
        }

    def script(self, name: str) -> str:
        """Return the text of the migration; empty without a difference."""
        parts = ["\n".join(self.drops()), self.definitions(), "\n".join(self.grants())]
        parts = [part for part in parts if part]
        if not parts:
            return ""
        return "\n\n".join([HEAD.format(name=name), UNCHECKED, *parts, CHECKED]) + "\n"

    def drops(self) -> list[str]:
        """Return the statements that drop."""
        return [f"drop {self.given[one].kind} if exists {self.given[one].identity};" for one in self.dropped]

    def definitions(self) -> str:
        """Return the source's own statements for every object that is defined again, each with its comment after it."""
        names = {one.source_name for one in self.defined if one.kind in DROPPED}
        return "".join(
            ("\n" if statement.goes_with_the_one_above else "\n\n") + statement.text
            for statement in self.statements
            if names & (statement.defines | statement.belongs_to)
        ).strip()

    def grants(self) -> list[str]:
        """Return the grants and revokes, one statement for all objects of a kind with the same rights."""
        groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        # An object that a block creates if it is missing may be the app's, and so are its rights.
        blocks = {name for statement in self.statements if statement.is_block for name in statement.defines}
        for one in self.defined:
            if one.kind in GRANTED and one.source_name not in blocks:
                groups.setdefault((one.kind, rights(one)), []).append(one.identity)
        return [
            statement
            for (kind, held), names in sorted(groups.items())
            for statement in granted(kind, held, names)
        ]


def rights(one: Object) -> tuple[str, ...]:
    """Return the rights of each key on an object, in the order of the keys; none is an empty text."""
    known = dict(part.split(": ", 1) for part in (one.grants or "").split("; ") if part)
    return tuple(known.get(key, "") for key in KEYS)


def granted(kind: str, held: tuple[str, ...], names: list[str]) -> Iterator[str]:
    """Yield the statements that leave each key exactly its rights, and never take any from a key that keeps all."""
    things = names_of("table" if kind == "view" else kind, names)
    losing = [key for key, verbs in zip(KEYS, held, strict=True) if verbs != GRANTED[kind]]
    if losing:
        yield f"revoke all on {things} from {', '.join(losing)};"
    for verbs in sorted(set(held) - {""}):
        keys = ", ".join(key for key, own in zip(KEYS, held, strict=True) if own == verbs)
        yield f"grant {'all' if verbs == VERBS else verbs} on {things} to {keys};"


def names_of(kind: str, names: list[str]) -> str:
    """Return the kind and the names, in readable lines."""
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) < LINE:
            lines[-1] += f", {name}"
        else:
            lines.append(f"  {name}")
    return f"{kind} {names[0]}" if len(names) == 1 else f"{kind}\n" + ",\n".join(lines) + "\n "


def difference(given_url: str, wanted_url: str, folder: Path = source.FOLDER) -> Difference:
    """Return the differences of two databases with the migrations; the source is applied to the second."""
    with (
        psycopg.connect(given_url, autocommit=True) as given,
        psycopg.connect(wanted_url, autocommit=True) as wanted,
    ):
        wanted.execute(AS_HOSTED.encode())
        source.apply(wanted, folder)
        found = Difference(objects.read(given), objects.read(wanted), source.statements(folder))
        found.on_dropped = objects.dependents(given, found.gone_or_reshaped())
        return found


def write(name: str, migrations: Path = apply.FOLDER, folder: Path = source.FOLDER) -> Path | None:
    """Write the migration for the differences between source and migrations; return None if there is none.

    Raises:
        Problem: when the name is not allowed in a file name, a statement fails, or the written file is not enough.
    """
    if not name.isidentifier():
        raise Problem(f"A migration cannot be called {name}: use letters, digits and underscores.")
    with empty_projects() as make:
        given, wanted = migrated(make(), migrations), migrated(make(), migrations)
        try:
            found = difference(given, wanted, folder)
            script = found.script(name)
            check(script, given, found.wanted)
        except psycopg.Error as error:
            raise Problem(f"supabase/sql cannot be applied: {apply.first_line(error)}.") from None
    if not script:
        return None
    path = migrations / f"{next_version(migrations)}_{name}.sql"
    path.write_text(script, encoding="utf-8")
    return path


def migrated(url: str, migrations: Path) -> str:
    """Apply the migrations to an empty project with hosted storage; return its address."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STORAGE.read_bytes())
    apply.apply(url, migrations)
    return url


def check(script: str, url: str, wanted: Objects) -> None:
    """Apply the migration twice to the first database, and check that it has the wanted effect.

    Raises:
        Problem: when it does not: a block of the source decides for itself, and keeps what exists.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(2):
            connection.execute(script.encode())
        left = objects.different(objects.read(connection), wanted)
    if left:
        raise Problem(
            f"supabase/sql makes {', '.join(left)} only where there is none: write that migration by hand."
        )


def next_version(folder: Path) -> str:
    """Return the version of a new migration: the present time, or directly after the newest."""
    newest = max((int(known.version) for known in apply.migrations(folder)), default=0)
    return str(max(int(datetime.now(UTC).strftime("%Y%m%d%H%M%S")), newest + 1))
