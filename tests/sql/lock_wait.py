"""Two simultaneous sessions: one holds a lock, the other is observed while it waits for it."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

PATIENCE_MS = 20_000


@dataclass(frozen=True)
class Waiter:
    """A separate session whose statement runs beside the test."""

    connection: psycopg.Connection
    pool: ThreadPoolExecutor

    def start(self, statement: str, *arguments: object) -> "Future[Any]":
        """Send a statement; the future returns the only value of its result."""

        def run() -> Any:  # noqa: ANN401
            row = self.connection.execute(statement.encode(), arguments).fetchone()
            return None if row is None else row[0]

        return self.pool.submit(run)

    def wait_until_blocked(self, observer: psycopg.Connection) -> None:
        """Return as soon as the server reports that the session waits for a lock."""
        give_up = time.monotonic() + PATIENCE_MS / 1000
        while time.monotonic() < give_up:
            row = observer.execute(
                "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s",
                [self.connection.info.backend_pid],
            ).fetchone()
            if row == (True,):
                return
        raise AssertionError("the session never waited for a lock")


@contextmanager
def waiting(url: str, role: str = "service_role") -> Iterator[Waiter]:
    """Open a session of a role that may have to wait."""
    with (
        psycopg.connect(
            url, autocommit=True, options=f"-c role={role} -c statement_timeout={PATIENCE_MS}"
        ) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        yield Waiter(connection, pool)


@contextmanager
def locked(url: str, user_id: UUID) -> Iterator[psycopg.Connection]:
    """Hold the lock of an account until the given connection commits or the block ends."""
    with psycopg.connect(url) as connection:
        connection.execute("select from public.user_energy where user_id = %s for update", [user_id])
        yield connection
