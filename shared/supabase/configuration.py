"""What a user has configured: read once as the user, kept five minutes, never older than the database says."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.deadline import Clock, Deadline
from shared.errors import InternalError, ServiceUnavailable
from shared.log import log_event
from shared.supabase.auth import Caller
from shared.supabase.database import CALL_SECONDS, Database

LOAD_SECONDS = CALL_SECONDS + 1
"""A load is shared by many callers, so it has a budget of its own rather than that of whoever came first.

It outlasts the one call in it: that this call got no answer is an outage, and nobody's deadline.
"""

LOADS_FOR_VERSION = 3
"""Loads that may be tried until one is as new as the reservation told."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a prompt may use of a user's own settings; `version` rises with every change of them."""

    user_id: str
    version: int
    sections: Mapping[str, Any]

    def missing(self) -> list[str]:
        """Name the sections that the user has not filled in."""
        return [
            name for name in ("profile", "workspace", "company", "products") if not self.sections.get(name)
        ]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and whether it came from the cache."""

    configuration: Configuration
    cached: bool


@dataclass(slots=True)
class _Entry:
    configuration: Configuration
    loaded_at: float


class ConfigService:
    """One load per user and period, single flight; failures and balances are never kept."""

    def __init__(self, database: Database, clock: Clock, max_age_seconds: float, max_users: int) -> None:
        self._database = database
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._max_users = max_users
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._flights: dict[str, asyncio.Task[Configuration]] = {}

    async def load(self, caller: Caller, deadline: Deadline) -> Loaded:
        """Return the caller's configuration from the cache, or read it.

        Raises:
            ServiceUnavailable: it could not be read; nothing is kept.
        """
        user_id = _user_id(caller)
        entry = self._entries.get(user_id)
        if entry is not None and self._clock() - entry.loaded_at < self._max_age_seconds:
            self._entries.move_to_end(user_id)
            return Loaded(entry.configuration, cached=True)
        return Loaded(await self._join_flight(caller, deadline), cached=False)

    async def at_least(self, loaded: Loaded, version: int, caller: Caller, deadline: Deadline) -> Loaded:
        """Return the loaded configuration if it is as new as `version`, else one that is.

        Raises:
            ServiceUnavailable: no load gave one that new.
        """
        for _ in range(LOADS_FOR_VERSION):
            if loaded.configuration.version >= version:
                return loaded
            loaded = Loaded(await self._join_flight(caller, deadline), cached=False)
        if loaded.configuration.version >= version:
            return loaded
        raise ServiceUnavailable

    async def _join_flight(self, caller: Caller, deadline: Deadline) -> Configuration:
        user_id = _user_id(caller)
        flight = self._flights.get(user_id)
        # One that is done but not yet taken in is as old as what it brought: joining it again would bring the same.
        if flight is None or flight.done():
            flight = asyncio.get_running_loop().create_task(self._read(caller))
            self._flights[user_id] = flight
            flight.add_done_callback(lambda done: self._landed(user_id, done))
        # A caller that gives up must not end the load for the others.
        try:
            async with asyncio.timeout(deadline.timeout(LOAD_SECONDS)):
                return await asyncio.shield(flight)
        except TimeoutError as exc:
            raise ServiceUnavailable from exc

    def _landed(self, user_id: str, flight: asyncio.Task[Configuration]) -> None:
        if self._flights.get(user_id) is flight:
            del self._flights[user_id]
        if flight.cancelled() or flight.exception() is not None:
            return
        self._keep(flight.result())

    def _keep(self, configuration: Configuration) -> None:
        kept = self._entries.get(configuration.user_id)
        # A slow load must not bring back what a later one has replaced.
        if kept is not None and kept.configuration.version > configuration.version:
            return
        self._entries[configuration.user_id] = _Entry(configuration, self._clock())
        self._entries.move_to_end(configuration.user_id)
        while len(self._entries) > self._max_users:
            self._entries.popitem(last=False)

    async def _read(self, caller: Caller) -> Configuration:
        user_id, deadline = _user_id(caller), Deadline.starting(LOAD_SECONDS, clock=self._clock)
        if caller.token is not None:
            sections = await self._database.as_user(caller.token).rpc("load_ai_configuration", {}, deadline)
        elif caller.kind == "service":
            sections = await self._database.as_service().rpc(
                "ai_configuration_of", {"p_user_id": user_id}, deadline
            )
        else:
            raise InternalError
        # The second lock: whatever the policies let through, only the caller's own is used.
        if not isinstance(sections, dict) or sections.get("user_id") != user_id:
            raise InternalError
        configuration = Configuration(user_id, sections["version"], sections)
        if missing := configuration.missing():
            log_event("configuration.incomplete", level=logging.WARNING, user_id=user_id, missing=missing)
        return configuration


def _user_id(caller: Caller) -> str:
    if caller.user_id is None:
        raise InternalError
    return caller.user_id
