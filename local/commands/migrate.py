"""The command line of the migrations: `nexscout migrate`."""

from typing import Annotated

import psycopg
import typer

from local.connect import where
from local.migrations import manifest
from local.migrations.apply import Migration, Status, apply, first_line, status
from local.problem import Problem

DIFFERENT = 1

Address = Annotated[
    str,
    typer.Option(
        "--database-url",
        envvar="DATABASE_URL",
        show_default=False,
        help="The database, as postgresql://user:password@host:5432/database.",
    ),
]
ListOption = Annotated[
    bool, typer.Option("--list", help="Show what is applied and what is pending; change nothing.")
]
VerifyOption = Annotated[
    bool,
    typer.Option("--verify", help="Compare the live objects with what the migrations give; change nothing."),
]


def migrate(database_url: Address = "", *, list_: ListOption = False, verify: VerifyOption = False) -> None:
    """Apply supabase/migrations to a database.

    Applied files are recorded in nexscout.migration_files by name and checksum: a file that was changed
    afterwards is refused. If no versions of another project are recorded, the history of the Supabase CLI is
    written too, so that both tools agree. Each file runs in a transaction. Running it again does no harm.

    The exit code is 0 on success, and 1 when a migration failed, the database cannot be reached, or --verify
    found differences.
    """
    if not database_url:
        raise typer.BadParameter("Which database? Set DATABASE_URL or give --database-url.")
    if list_ and verify:
        raise typer.BadParameter("Give --list or --verify, not both.")
    try:
        if list_:
            show_status(status(database_url))
        elif verify:
            show_differences(manifest.verify(database_url))
        else:
            show_applied(database_url, apply(database_url))
    except psycopg.Error as error:
        raise Problem(f"The database at {where(database_url)} said: {first_line(error)}.") from None


def show_status(found: Status) -> None:
    """Print one line for each migration, then the number of other versions in the history."""
    for state, group in (("applied", found.applied), ("changed", found.changed), ("pending", found.pending)):
        for migration in group:
            print(f"{state}  {migration.version}  {migration.name}")
    if found.foreign:
        print(f"The history holds {found.foreign} more versions, not of this folder; they are left alone.")


def show_differences(found: list[str]) -> None:
    """Print the differences and exit with 1, or print that there is none.

    Raises:
        typer.Exit: with code 1 when there is a difference.
    """
    if not found:
        print("The database is what the migrations give.")
        return
    for sentence in found:
        print(sentence)
    count = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    print(f"{count}. `nexscout migrate` applies what is pending; the rest was changed by hand.")
    raise typer.Exit(DIFFERENT)


def show_applied(database_url: str, applied: list[Migration]) -> None:
    """Print what was applied, and to which database."""
    for migration in applied:
        print(f"applied  {migration.version}  {migration.name}")
    print(f"{where(database_url)} is up to date." if applied else f"{where(database_url)} was up to date.")
