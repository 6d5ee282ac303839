"""Applies `supabase/migrations` to a database, recorded where the Supabase CLI records it too."""

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

from local.connect import connect
from local.problem import Problem
from local.project import PROJECT

FOLDER = PROJECT / "supabase" / "migrations"

FILE_NAME = re.compile(r"(?P<version>\d{14})_(?P<name>\w+)\.sql")
# A table that the app is busy with must not queue all of its readers behind a migration that waits for it.
LOCK_WAIT = "20s"
# The columns that `supabase migration up` of CLI 3.1.0 makes; the hosted platform adds more.
HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""
HISTORY_EXISTS = "select to_regclass('supabase_migrations.schema_migrations') is not null"
RECORDED = "select version from supabase_migrations.schema_migrations"
RECORD = "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)"
# One migration at a time, whoever starts it; freed with its transaction, so that poolers do no harm.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('nexscout.migrate', 0))"


@dataclass(frozen=True)
class Migration:
    """One file of the folder."""

    version: str
    name: str
    path: Path


@dataclass(frozen=True)
class Status:
    """What a database has of a folder; `foreign` counts the versions in its history that the folder lacks."""

    applied: list[Migration]
    pending: list[Migration]
    foreign: int


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of a folder, in the order in which they are applied.

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
    """Compare a folder with the history of a database, and write nothing."""
    ours = migrations(folder)
    with connect(database_url) as connection:
        known = recorded(connection)
    return Status(
        applied=[migration for migration in ours if migration.version in known],
        pending=[migration for migration in ours if migration.version not in known],
        foreign=len(known - {migration.version for migration in ours}),
    )


def apply(database_url: str, folder: Path = FOLDER, *, lock_wait: str = LOCK_WAIT) -> list[Migration]:
    """Apply what a database lacks, each file in a transaction of its own, and return what was applied.

    Versions in the history that the folder lacks are somebody else's and stay as they are. `lock_wait` is how
    long a statement waits for a table that others use, as PostgreSQL writes it.

    Raises:
        Problem: when a file fails; those before it stay applied, it leaves nothing behind.
    """
    ours = migrations(folder)
    with connect(database_url) as connection:
        prepare_history(connection)
        known = recorded(connection)
        pending = [migration for migration in ours if migration.version not in known]
        return [migration for migration in pending if apply_one(connection, migration, lock_wait)]


def prepare_history(connection: psycopg.Connection) -> None:
    """Make the history table where it is missing."""
    try:
        with connection.transaction():
            connection.execute(ONE_AT_A_TIME)
            connection.execute(HISTORY)
    except psycopg.Error as error:
        raise Problem(f"The history of migrations cannot be kept there: {first_line(error)}.") from None


def recorded(connection: psycopg.Connection) -> set[str]:
    """The versions in a database's history; none where it has no history."""
    row = connection.execute(HISTORY_EXISTS).fetchone()
    if row is None or not row[0]:
        return set()
    return {version for (version,) in connection.execute(RECORDED)}


def apply_one(connection: psycopg.Connection, migration: Migration, lock_wait: str) -> bool:
    """Run a file and record it, or neither; false when another run was quicker."""
    script = migration.path.read_text(encoding="utf-8")
    try:
        with connection.transaction():
            connection.execute(ONE_AT_A_TIME)
            connection.execute("select set_config('lock_timeout', %s, true)", (lock_wait,))
            connection.execute("set local statement_timeout = 0")
            if migration.version in recorded(connection):
                return False
            connection.execute(script.encode())
            connection.execute(RECORD, (migration.version, migration.name, [script]))
    except psycopg.errors.LockNotAvailable:
        raise Problem(
            f"{migration.path.name} waited {lock_wait} for a busy table and gave up: try again."
        ) from None
    except psycopg.Error as error:
        raise Problem(f"{migration.path.name} failed{line_of(error, script)}: {first_line(error)}.") from None
    return True


def first_line(error: psycopg.Error) -> str:
    """What the server said, without position and context."""
    said = error.diag.message_primary or str(error).partition("\n")[0]
    return said.rstrip(".")


def line_of(error: psycopg.Error, script: str) -> str:
    """Where in the script it happened, as far as the server tells."""
    position = error.diag.statement_position
    return f" at line {script.count(chr(10), 0, int(position) - 1) + 1}" if position else ""
