"""Databases as an empty Supabase project has one, on a server of their own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from local.servers.guard import Guard
from local.servers.postgres import Postgres
from local.servers.processes import Children

AUTH = Path(__file__).with_name("auth.sql")


@contextmanager
def empty_projects() -> Iterator[Callable[[], str]]:
    """Make databases, each without a migration, and return their addresses; server and data are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="nexscout-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # As root the server runs as another user, who has to get there.
        folder.chmod(0o755)
        children = Children(folder / "processes.json")
        postgres = Postgres(folder / "postgres", ephemeral=True)
        guard = Guard(children.record, folder)
        try:
            postgres.start(children, folder / "log")
            postgres.prepare()
            with psycopg.connect(postgres.url(), autocommit=True) as connection:
                connection.execute(AUTH.read_bytes())
            yield lambda: postgres.create_database(f"project_{uuid4().hex}", "postgres")
        finally:
            children.stop_all()
            postgres.remove()
            guard.close()
