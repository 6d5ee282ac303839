"""Supabase's own client with one key: only its database part, over the process's connection pool.

Creating one takes 40 µs without a network call, so each request has its own, and no token outlives its request.
"""

from typing import Any

import httpx
from supabase import AsyncClient, AsyncClientOptions


class _UnusedPart:
    """Replaces a part of the client that is not used here."""

    def on_auth_state_change(self, listener: object) -> None:
        """Do nothing: nobody signs in with this client."""


class Client(AsyncClient):
    """The package's client without sign-in and realtime, which it creates at once; others wait for their first use."""

    @staticmethod
    def _init_supabase_auth_client(*_: object, **__: object) -> Any:  # noqa: ANN401
        return _UnusedPart()

    @staticmethod
    def _init_realtime_client(*_: object, **__: object) -> Any:  # noqa: ANN401
        return _UnusedPart()


def open_client(url: str, key: str, bearer: str, http: httpx.AsyncClient) -> Client:
    """Return a client that sends the project's key and the bearer token over the shared pool."""
    options = AsyncClientOptions(
        headers={"Authorization": f"Bearer {bearer}"},
        httpx_client=http,
        auto_refresh_token=False,
        persist_session=False,
        # Its retries sleep; ours are limited by the deadline. Its timeout has no effect with a given pool: the deadline
        # ends every call, and the pool's own timeout a call without one.
        postgrest_client_retry=False,
    )
    return Client(url, key, options)
