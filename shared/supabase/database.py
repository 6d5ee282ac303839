"""Supabase as the caller, as anonymous and as the service.

Which key a query carries is decided by the method that is called, never by what is missing.
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
"""The most that one database call may take; what is left of the request's budget may be less."""

MAX_AT_ONCE = 16
"""Calls of a process under way at once; the others wait here, on their own budget, not on the time of a call."""

SQLSTATE_LENGTH = 5

_EXPIRED_TOKEN = {"PGRST301", "PGRST302", "PGRST303"}
# PostgREST cannot reach PostgreSQL, reads its schema, or has no connection free; and HTTP statuses, which stand for
# the code where the error is a gateway's page.
_OUTAGE = {"PGRST000", "PGRST001", "PGRST002", "PGRST003", "408", "429", "500", "502", "503", "504", "520"}
# Classes of PostgreSQL: connection, rolled back by a conflict, out of resources, ended by an operator.
_OUTAGE_CLASSES = {"08", "40", "53", "57"}


class DatabaseRefused(InternalError):  # noqa: N818  # what happened, as the other errors
    """The database answered with an error that our own statement caused; `sqlstate` is its code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__()
        self.sqlstate = sqlstate


Open = Callable[[], Awaitable[Client]]


class Connection:
    """Calls under one key; made per request, it shares the process's connection pool."""

    def __init__(self, client: Open, turnstile: asyncio.Semaphore) -> None:
        self._client = client
        self._turnstile = turnstile

    async def rpc(self, function: str, arguments: Mapping[str, Any], deadline: Deadline) -> Any:  # noqa: ANN401
        """Call a database function and give its result.

        Raises:
            ServiceUnavailable: the database did not answer; the call may have had its effect.
            DeadlineExceeded: the request's budget ended first.
            DatabaseRefused: the database raised an error.
        """
        client = await self._client()
        return await self._answer(client.rpc(function, dict(arguments)).execute, deadline)

    async def find(
        self, table: str, equal: Mapping[str, str], deadline: Deadline, columns: str = "*"
    ) -> dict[str, Any] | None:
        """Return the one row whose columns equal the given values, or None; raises as `rpc` does."""
        query = (await self._client()).table(table).select(columns)
        for column, value in equal.items():
            query = query.eq(column, value)
        rows = await self._answer(query.limit(1).execute, deadline)
        return rows[0] if rows else None

    async def _answer(self, call: Callable[[], Awaitable[Any]], deadline: Deadline) -> Any:  # noqa: ANN401
        try:
            async with asyncio.timeout(deadline.timeout(math.inf)):
                await self._turnstile.acquire()
        except TimeoutError as exc:
            raise DeadlineExceeded from exc
        try:
            return await _within(call, deadline)
        finally:
            self._turnstile.release()


class Database:
    """Opens connections under the three kinds of key."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._url = settings.supabase_url
        self._publishable_key = settings.supabase_publishable_key.get_secret_value()
        self._secrets = settings.secrets
        self._http = http
        self._turnstile = asyncio.Semaphore(MAX_AT_ONCE)
        self._service_client: Client | None = None

    def as_user(self, token: str) -> Connection:
        """Open with the caller's own verified token: row-level security applies."""

        async def client() -> Client:
            return open_client(self._url, self._publishable_key, token, self._http)

        return Connection(client, self._turnstile)

    def as_anonymous(self) -> Connection:
        """Open with the publishable key alone."""
        return self.as_user(self._publishable_key)

    def as_service(self) -> Connection:
        """Open with the secret key: for the money functions and the closed list of service functions."""

        async def client() -> Client:
            key = (await self._secrets.current()).supabase_secret_key.get_secret_value()
            if self._service_client is None or self._service_client.supabase_key != key:
                self._service_client = open_client(self._url, key, key, self._http)
            return self._service_client

        return Connection(client, self._turnstile)


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
    # PostgREST always gives a code: an error without one is that of a gateway before it.
    if not code or code in _OUTAGE or (len(code) == SQLSTATE_LENGTH and code[:2] in _OUTAGE_CLASSES):
        return ServiceUnavailable()
    log_event("database.refused", level=logging.ERROR, sqlstate=code)
    return DatabaseRefused(code)
