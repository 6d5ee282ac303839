"""Databases as in an empty Supabase project, on a separate server."""

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
    """Yield what creates databases without a migration and returns their addresses; all are deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="nexscout-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Under root the server runs as another user, who must be able to reach it.
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
