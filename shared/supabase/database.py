"""The database: connections as a user, as anonymous and as the service.

The called method decides the key of a query, never a missing value.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from supabase import PostgrestAPIError

from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, InternalError, ServiceUnavailable, Unauthorized
from shared.log import log_event
from shared.settings import Settings
from shared.supabase.client import Client, open_client

CALL_SECONDS = 5.0
"""The limit of one database call; the deadline may be earlier."""

MAX_AT_ONCE = 16
"""Simultaneous calls of a process; others wait for a slot, which does not count as time of their calls."""

SQLSTATE_LENGTH = 5

_EXPIRED_TOKEN = {"PGRST301", "PGRST302", "PGRST303"}
# PostgREST cannot reach PostgreSQL, loads its schema, or has no free connection; and HTTP statuses, which are the
# code if a gateway answered.
_OUTAGE = {"PGRST000", "PGRST001", "PGRST002", "PGRST003", "408", "429", "500", "502", "503", "504", "520"}
# Classes of SQLSTATE: connection, rollback by conflict, insufficient resources, operator intervention.
_OUTAGE_CLASSES = {"08", "40", "53", "57"}


class DatabaseRefused(InternalError):  # noqa: N818  # what happened, as the other errors
    """The database raised an error for our own statement; `sqlstate` is its code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__()
        self.sqlstate = sqlstate


Open = Callable[[], Awaitable[Client]]


class Connection:
    """Calls with one key; created per request, over the process's connection pool."""

    def __init__(self, client: Open, slots: asyncio.Semaphore) -> None:
        self._client = client
        self._slots = slots

    async def rpc(self, function: str, arguments: Mapping[str, Any], deadline: Deadline) -> Any:  # noqa: ANN401
        """Return the result of a database function.

        Raises:
            ServiceUnavailable: the database did not answer; the call may have had its effect.
            DeadlineExceeded: the deadline has passed.
            DatabaseRefused: the database raised an error.
        """
        client = await self._client()
        return await self._answer(client.rpc(function, dict(arguments)).execute, deadline)

    async def find(
        self, table: str, equal: Mapping[str, str], deadline: Deadline, columns: str = "*"
    ) -> dict[str, Any] | None:
        """Return a row whose columns equal the values, or None; raises as `rpc` does."""
        query = (await self._client()).table(table).select(columns)
        for column, value in equal.items():
            query = query.eq(column, value)
        rows = await self._answer(query.limit(1).execute, deadline)
        return rows[0] if rows else None

    async def _answer(self, call: Callable[[], Awaitable[Any]], deadline: Deadline) -> Any:  # noqa: ANN401
        try:
            async with asyncio.timeout(deadline.timeout(math.inf)):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise DeadlineExceeded from exc
        try:
            return await _within(call, deadline)
        finally:
            self._slots.release()


class Database:
    """Opens connections with the three kinds of key."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._url = settings.supabase_url
        self._publishable_key = settings.supabase_publishable_key.get_secret_value()
        self._secrets = settings.secrets
        self._http = http
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._service_client: Client | None = None

    def as_user(self, token: str) -> Connection:
        """Return a connection with the user's verified token: row-level security applies."""

        async def client() -> Client:
            return open_client(self._url, self._publishable_key, token, self._http)

        return Connection(client, self._slots)

    def as_anonymous(self) -> Connection:
        """Return a connection with only the publishable key."""
        return self.as_user(self._publishable_key)

    def as_service(self) -> Connection:
        """Return a connection with the secret key: for the money functions and the other service functions."""

        async def client() -> Client:
            key = (await self._secrets.current()).supabase_secret_key.get_secret_value()
            if self._service_client is None or self._service_client.supabase_key != key:
                self._service_client = open_client(self._url, key, key, self._http)
            return self._service_client

        return Connection(client, self._slots)


async def _within(call: Callable[[], Awaitable[Any]], deadline: Deadline) -> Any:  # noqa: ANN401
    try:
        async with asyncio.timeout(deadline.timeout(CALL_SECONDS)):
            return (await call()).data
    except TimeoutError as exc:
        if deadline.remaining() <= 0:
            raise DeadlineExceeded from exc
        raise ServiceUnavailable from exc
    except httpx.HTTPError as exc:
        raise ServiceUnavailable from exc
    except PostgrestAPIError as exc:
        raise _translated(exc) from exc


def _translated(error: PostgrestAPIError) -> Exception:
    code = error.code or ""
    if code in _EXPIRED_TOKEN:
        return Unauthorized()
    # PostgREST always sends a code: an error without one is a gateway's.
    if not code or code in _OUTAGE or (len(code) == SQLSTATE_LENGTH and code[:2] in _OUTAGE_CLASSES):
        return ServiceUnavailable()
    log_event("database.refused", level=logging.ERROR, sqlstate=code)
    return DatabaseRefused(code)
