"""Supabase's own client under one key: its database over the process's pool, and no other part of it.

Making one costs some 40 µs and asks the network nothing, so a request has its own and no token outlives it.
"""

from typing import Any

import httpx
from supabase import AsyncClient, AsyncClientOptions


class _Unmade:
    """Stands in place of a part that nothing here uses."""

    def on_auth_state_change(self, listener: object) -> None:
        """Nobody signs in by this client, so there is never anything to tell."""


class Client(AsyncClient):
    """The package's client without the two parts that it makes at once, sign-in and realtime; the others wait."""

    @staticmethod
    def _init_supabase_auth_client(*_: object, **__: object) -> Any:  # noqa: ANN401
        return _Unmade()

    @staticmethod
    def _init_realtime_client(*_: object, **__: object) -> Any:  # noqa: ANN401
        return _Unmade()


def open_client(url: str, key: str, bearer: str, http: httpx.AsyncClient) -> Client:
    """Return a client whose requests carry the project's key and the bearer, and go over the shared pool."""
    options = AsyncClientOptions(
        headers={"Authorization": f"Bearer {bearer}"},
        httpx_client=http,
        auto_refresh_token=False,
        persist_session=False,
        # They sleep, and ours are counted against the deadline. Its timeout is not set: with a pool that is given
        # it is not used, so the deadline ends every call, and the pool's own timeout what a deadline forgot.
        postgrest_client_retry=False,
    )
    return Client(url, key, options)
