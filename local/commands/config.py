"""`nexscout config check`: the parts of a workspace's configuration that the AI reads, and the missing ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from local import environment
from local.commands.invoke import Identity, credentials
from local.problem import Problem
from local.project import PROJECT
from shared.supabase.configuration import Configuration

WITHOUT = {
    "profile": "texts are signed by nobody",
    "workspace": "no tone, goals or instructions of its own: the defaults of each text",
    "company": "texts name no company",
    "products": "texts name no product and no price",
}
"""The effect of an empty section; nothing is invented for it."""

app = typer.Typer(no_args_is_help=True, help="What the AI knows of a workspace.")


@app.callback()
def config() -> None:
    """Keep `check` as a sub-command."""


@app.command()
def check(
    as_: Annotated[Identity, typer.Option("--as", help="Whose: demo or other.")] = Identity.DEMO,
    env_file: Annotated[
        Path, typer.Option(envvar="NEXSCOUT_ENV_FILE", help="Where the stack wrote its addresses and keys.")
    ] = PROJECT / ".local" / "env",
) -> None:
    """List which parts of a workspace's configuration are filled in, and the effect of the missing ones.

    The exit code is 1 when something is missing.
    """
    configuration = read(as_, environment.read(env_file))
    missing = configuration.missing()
    Console().print(_table(configuration, missing))
    raise typer.Exit(1 if missing else 0)


def read(identity: Identity, env: Mapping[str, str]) -> Configuration:
    """Return the configuration as the functions load it, with the user's own rights.

    Raises:
        Problem: when this identity has no workspace, or the stack refuses.
    """
    if identity not in {Identity.DEMO, Identity.OTHER}:
        raise Problem(f"--as {identity} has no workspace: choose demo or other.")
    headers = credentials(identity, env)
    reply = httpx.post(
        f"{env['SUPABASE_URL']}/rest/v1/rpc/load_ai_configuration", headers=headers, json={}, timeout=10
    )
    if reply.is_error:
        raise Problem(f"the configuration cannot be read ({reply.status_code}): is the stack migrated?")
    sections: dict[str, Any] = reply.json()
    return Configuration(sections["user_id"], sections["version"], sections)


def _table(configuration: Configuration, missing: list[str]) -> Table:
    table = Table(title=f"Configuration, version {configuration.version}")
    for heading in ("section", "state", "what follows"):
        table.add_column(heading)
    for section, consequence in WITHOUT.items():
        absent = section in missing
        table.add_row(section, "missing" if absent else "there", consequence if absent else "")
    return table
