"""Users' configurations: read with the user's token, cached, and never older than the database's version."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.deadline import Clock, Deadline
from shared.errors import InternalError, ServiceUnavailable
from shared.log import log_event
from shared.single_flight import Ages, SingleFlight
from shared.supabase.auth import Caller
from shared.supabase.database import CALL_SECONDS, Database

LOAD_SECONDS = CALL_SECONDS + 1
"""A load is shared by many callers, so it has its own budget and not that of the first caller.

It outlasts the one call in it: that this call got no answer is an outage, and nobody's deadline.
"""

LOADS_FOR_VERSION = 3
"""How often to load until the version is as new as in the reservation."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration of a user for prompts; every change increases `version`."""

    user_id: str
    version: int
    sections: Mapping[str, Any]

    def missing(self) -> list[str]:
        """Return the names of empty sections."""
        return [
            name for name in ("profile", "workspace", "company", "products") if not self.sections.get(name)
        ]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and whether it came from the cache."""

    configuration: Configuration
    cached: bool


class ConfigService:
    """Loads configurations, once per user and period; failures and balances are not cached."""

    def __init__(self, database: Database, clock: Clock, max_age_seconds: float, max_users: int) -> None:
        self._database = database
        self._clock = clock
        self._kept: SingleFlight[str, Configuration] = SingleFlight(
            Ages(max_age_seconds), max_values=max_users, version=lambda each: each.version, clock=clock
        )

    async def load(self, caller: Caller, deadline: Deadline) -> Loaded:
        """Return the caller's configuration, from the cache or the database.

        Raises:
            ServiceUnavailable: it could not be read.
        """
        kept = self._kept.current(_user_id(caller))
        if kept is not None:
            return Loaded(kept, cached=True)
        return await self._loaded(caller, deadline)

    async def at_least(self, loaded: Loaded, version: int, caller: Caller, deadline: Deadline) -> Loaded:
        """Return the loaded configuration, or a newer one if it is older than `version`.

        Raises:
            ServiceUnavailable: no load gave one that new.
        """
        for _ in range(LOADS_FOR_VERSION):
            if loaded.configuration.version >= version:
                return loaded
            loaded = await self._loaded(caller, deadline)
        if loaded.configuration.version >= version:
            return loaded
        raise ServiceUnavailable

    async def _loaded(self, caller: Caller, deadline: Deadline) -> Loaded:
        read, wait = partial(self._read, caller), partial(deadline.timeout, LOAD_SECONDS)
        return Loaded(await self._kept.load(_user_id(caller), read, wait), cached=False)

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
        # A second check: even if a policy lets more through, only the caller's data is used.
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
