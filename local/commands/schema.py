"""`nexscout schema migration`: the next migration, from supabase/sql."""

from typing import Annotated

import typer

from local.migrations import schema
from local.project import PROJECT

app = typer.Typer(no_args_is_help=True, help="The source of functions, views, policies, triggers and grants.")


@app.callback()
def source() -> None:
    """Keep `migration` a command of its own."""


@app.command()
def migration(
    name: Annotated[str, typer.Argument(help="What it is called: letters, digits and underscores.")],
) -> None:
    """Write the migration that brings a database from the migrations so far to what supabase/sql says.

    It compares two databases of its own, one with the migrations alone, one with the source over them, and tries
    what it writes. Where they agree it writes nothing. Ends with 1 when the source cannot be applied.
    """
    written = schema.write(name)
    if written is None:
        print("The migrations give what supabase/sql says: there is nothing to write.")
    else:
        print(f"{written.relative_to(PROJECT)}: look at it, then write the manifest anew:")
        print("  .venv/bin/python -m local.migrations.manifest")
