"""`nexscout schema migration`: writes the next migration, from supabase/sql."""

from typing import Annotated

import typer

from local.migrations import schema
from local.project import PROJECT

app = typer.Typer(no_args_is_help=True, help="The source of functions, views, policies, triggers and grants.")


@app.callback()
def source() -> None:
    """Keep `migration` as a sub-command."""


@app.command()
def migration(
    name: Annotated[str, typer.Argument(help="What it is called: letters, digits and underscores.")],
) -> None:
    """Write the migration that updates a database with the present migrations to the state of supabase/sql.

    It compares two new databases, one with only the migrations, one with the source applied too, and tries the
    written migration. If they agree it writes nothing. The exit code is 1 when the source cannot be applied.
    """
    written = schema.write(name)
    if written is None:
        print("The migrations give what supabase/sql says: there is nothing to write.")
    else:
        print(f"{written.relative_to(PROJECT)}: look at it, then write the manifest anew:")
        print("  .venv/bin/python -m local.migrations.manifest")
