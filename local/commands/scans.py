"""`nexscout scans export`: the results of a scan as a file."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer

from local import environment
from local.commands.export import csv_export
from local.commands.invoke import Identity, credentials
from local.problem import Problem
from local.project import PROJECT

PAGE = 1_000

app = typer.Typer(no_args_is_help=True, help="Scans and their results.")


@app.callback()
def scans() -> None:
    """Keep `export` as a sub-command."""


@app.command()
def export(
    scan_id: Annotated[UUID, typer.Argument(help="The scan's id.")],
    output: Annotated[Path | None, typer.Option(help="The file to write; stdout without it.")] = None,
    as_: Annotated[Identity, typer.Option("--as", help="Whose: demo or other.")] = Identity.DEMO,
    env_file: Annotated[
        Path, typer.Option(envvar="NEXSCOUT_ENV_FILE", help="Where the stack wrote its addresses and keys.")
    ] = PROJECT / ".local" / "env",
) -> None:
    """Write a scan's results as CSV, read with the user's own rights; no cell of it can run as a formula."""
    text = csv_export(read(scan_id, as_, environment.read(env_file)))
    if output is None:
        sys.stdout.write(text)
        return
    # With a byte order mark, Excel shows the ñ of names correctly.
    output.write_text(text, encoding="utf-8-sig", newline="")
    print(f"{text.count(chr(10)) - 1} lines in {output}", file=sys.stderr)


def read(scan_id: UUID, identity: Identity, env: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a scan in the order in which they were stored, read page by page.

    Raises:
        Problem: when this identity has no scans, there is no such scan of theirs, or the stack refuses.
    """
    if identity not in {Identity.DEMO, Identity.OTHER}:
        raise Problem(f"--as {identity} has no scans: choose demo or other.")
    with httpx.Client(
        base_url=f"{env['SUPABASE_URL']}/rest/v1", headers=credentials(identity, env)
    ) as client:
        owner = env[f"{identity.upper()}_USER_ID"]
        if not _rows(client, "scans", {"id": f"eq.{scan_id}", "user_id": f"eq.{owner}", "select": "id"}):
            raise Problem(f"there is no scan {scan_id}, or it is not {identity}'s.")
        wanted = {
            "scan_id": f"eq.{scan_id}",
            "select": "name,content,score,metadata",
            "order": "created_at,id",
        }
        offset = 0
        while page := _rows(
            client, "scan_processed_items", wanted | {"limit": str(PAGE), "offset": str(offset)}
        ):
            yield from page
            offset += len(page)


def _rows(client: httpx.Client, table: str, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    reply = client.get(f"/{table}", params=dict(wanted), timeout=30)
    if reply.is_error:
        raise Problem(f"the scan cannot be read ({reply.status_code}): is the stack migrated?")
    rows: list[dict[str, Any]] = reply.json()
    return rows
