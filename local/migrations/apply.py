"""Applies `supabase/migrations` to a database, and records what it has applied.

The name and checksum in `nexscout.migration_files` alone decide what is applied. The history of the Supabase CLI
(`supabase_migrations`) is no proof: another project's file may have the version and the name of one of ours. It is
written too, so that both tools agree, unless it belongs to another project: there the CLI would refuse its own push.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

from local.connect import connect
from local.problem import Problem
from local.project import PROJECT

FOLDER = PROJECT / "supabase" / "migrations"

FILE_NAME = re.compile(r"(?P<version>\d{14})_(?P<name>\w+)\.sql")
# A migration that waits for a busy table must not make all of the table's readers wait behind it.
LOCK_WAIT = "20s"
NOTES = """
create schema if not exists nexscout;
create table if not exists nexscout.migration_files (
  version text not null,
  name text not null,
  sha256 text not null,
  primary key (version, name)
);
alter table nexscout.migration_files enable row level security;
comment on table nexscout.migration_files is 'The migrations that `nexscout migrate` has applied, and what they were';
"""
NOTES_EXIST = "select to_regclass('nexscout.migration_files') is not null"
NOTED = "select version, name, sha256 from nexscout.migration_files"
NOTE = """insert into nexscout.migration_files (version, name, sha256) values (%s, %s, %s)
          on conflict (version, name) do nothing"""
# The columns of `supabase migration up` of CLI 3.1.0; the hosted platform adds more.
HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""
HISTORY_EXISTS = "select to_regclass('supabase_migrations.schema_migrations') is not null"
RECORDED = "select version from supabase_migrations.schema_migrations"
RECORD = """insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)
            on conflict (version) do nothing"""
# One migration at a time, from any tool; the lock ends with its transaction, so that poolers do no harm.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('nexscout.migrate', 0))"


@dataclass(frozen=True)
class Migration:
    """One file of the folder."""

    version: str
    name: str
    path: Path

    @property
    def script(self) -> str:
        """Return the SQL of the file."""
        return self.path.read_text(encoding="utf-8")

    @property
    def sha256(self) -> str:
        """Return the checksum of the SQL."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Status:
    """What of a folder a database has, in the folder's order.

    `changed` were applied and have other contents now; `unknown` are recorded and not in the folder; `foreign` is the
    number of versions in the history of the Supabase CLI that the folder lacks.
    """

    applied: list[Migration]
    pending: list[Migration]
    changed: list[Migration]
    unknown: int
    foreign: int


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations of a folder, in the order in which they are applied.

    Raises:
        Problem: when a file's name has no version, two share one, or there is no file.
    """
    found: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise Problem(f"{path.name} is not named <14 digits>_<name>.sql: rename it.")
        if match["version"] in found:
            raise Problem(
                f"{path.name} has the version of {found[match['version']].path.name}: rename one of them."
            )
        found[match["version"]] = Migration(match["version"], match["name"], path)
    if not found:
        raise Problem(f"There are no migrations in {folder}.")
    return list(found.values())


def status(database_url: str, folder: Path = FOLDER) -> Status:
    """Compare a folder with a database, without writing anything."""
    ours = migrations(folder)
    with connect(database_url) as connection:
        return compare(ours, noted(connection), recorded(connection))


def compare(ours: list[Migration], notes: dict[tuple[str, str], str], history: set[str]) -> Status:
    """Return which files of a folder are recorded, and what else a database has recorded."""
    known = {one: notes.get((one.version, one.name)) for one in ours}
    return Status(
        applied=[one for one, sha256 in known.items() if sha256 == one.sha256],
        pending=[one for one, sha256 in known.items() if sha256 is None],
        changed=[one for one, sha256 in known.items() if sha256 not in (None, one.sha256)],
        unknown=len(notes.keys() - {(one.version, one.name) for one in ours}),
        foreign=len(history - {one.version for one in ours}),
    )


def apply(database_url: str, folder: Path = FOLDER, *, lock_wait: str = LOCK_WAIT) -> list[Migration]:
    """Apply the missing files of a folder, each in its own transaction, and return what was applied.

    Versions in the history that the folder lacks belong to others and stay as they are. `lock_wait` is how
    long a statement waits for a table that others use, as PostgreSQL writes it.

    Raises:
        Problem: when an applied file has changed: then nothing is applied; or when a file fails: then those
            before it stay applied, and nothing of it remains.
    """
    ours = migrations(folder)
    with connect(database_url) as connection:
        found = prepare(connection, ours)
        refuse_changed(found.changed)
        return [
            one for one in found.pending if apply_one(connection, one, lock_wait, record=not found.foreign)
        ]


def refuse_changed(changed: list[Migration]) -> None:
    """Check that each applied file is unchanged.

    Raises:
        Problem: which names the changed files.
    """
    if changed:
        names = ", ".join(one.path.name for one in changed)
        raise Problem(
            f"{names}: changed after it was applied. Put it back as it was, and write what is new into a "
            "migration of its own."
        )


def prepare(connection: psycopg.Connection, ours: list[Migration]) -> Status:
    """Create the tables that record what is applied, if they are missing, and return what they say."""
    try:
        with connection.transaction():
            # First of all: a name that this session had looked for before it waited would still be missing to it.
            connection.execute(ONE_AT_A_TIME)
            connection.execute(NOTES)
            found = compare(ours, noted(connection), recorded(connection))
            if not found.foreign:
                connection.execute(HISTORY)
    except psycopg.Error as error:
        raise Problem(f"The history of migrations cannot be kept there: {first_line(error)}.") from None
    return found


def noted(connection: psycopg.Connection) -> dict[tuple[str, str], str]:
    """Return the checksum of each applied file by version and name; empty if nothing was ever recorded."""
    if connection.execute(NOTES_EXIST).fetchone() != (True,):
        return {}
    return {(version, name): sha256 for version, name, sha256 in connection.execute(NOTED)}


def recorded(connection: psycopg.Connection) -> set[str]:
    """Return the versions in the history of the Supabase CLI; empty if there is no history."""
    if connection.execute(HISTORY_EXISTS).fetchone() != (True,):
        return set()
    return {version for (version,) in connection.execute(RECORDED)}


def apply_one(connection: psycopg.Connection, migration: Migration, lock_wait: str, *, record: bool) -> bool:
    """Run a file and record it, or neither; return False if another run has applied it first."""
    script = migration.script
    try:
        with connection.transaction():
            connection.execute(ONE_AT_A_TIME)
            connection.execute("select set_config('lock_timeout', %s, true)", (lock_wait,))
            connection.execute("set local statement_timeout = 0")
            if (migration.version, migration.name) in noted(connection):
                return False
            connection.execute(script.encode())
            connection.execute(NOTE, (migration.version, migration.name, migration.sha256))
            if record:
                connection.execute(RECORD, (migration.version, migration.name, [script]))
    except psycopg.errors.LockNotAvailable:
        raise Problem(
            f"{migration.path.name} waited {lock_wait} for a busy table and gave up: try again."
        ) from None
    except psycopg.Error as error:
        raise Problem(f"{migration.path.name} failed{line_of(error, script)}: {first_line(error)}.") from None
    return True


def first_line(error: psycopg.Error) -> str:
    """Return the server's message, without position and context."""
    said = error.diag.message_primary or str(error).partition("\n")[0]
    return said.rstrip(".")


def line_of(error: psycopg.Error, script: str) -> str:
    """Return the line of the script in which the error is, if the server reports it."""
    position = error.diag.statement_position
    return f" at line {script.count(chr(10), 0, int(position) - 1) + 1}" if position else ""
