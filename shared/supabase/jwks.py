"""The public keys by which the project signs user tokens, fetched and kept as long as they may be trusted."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt

from shared.deadline import Clock, Deadline
from shared.errors import ServiceUnavailable
from shared.log import log_event

FRESH_SECONDS = 600.0
"""After this age the set is read again, so that a key withdrawn by the project ends here too."""

TRUSTED_SECONDS = 3600.0
"""While the endpoint fails, the last set is used up to this age and not longer."""

PAUSE_SECONDS = 30.0
"""Between two fetches for unknown keys, and after a failed renewal while the last set still serves."""

FETCH_SECONDS = 3.0

_CURVES_AND_TYPES = {("EC", "P-256"): "ES256", ("RSA", None): "RS256"}


class KeySet:
    """Finds the public key of a key id; many callers at once wait for one fetch."""

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Clock = time.monotonic) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._renew_after = float("-inf")
        self._look_again_after = float("-inf")
        self._flight: asyncio.Task[bool] | None = None

    async def find(self, key_id: str, deadline: Deadline) -> jwt.PyJWK | None:
        """Return the key, or None when the project has no such key.

        Raises:
            ServiceUnavailable: the keys could not be read, so nothing can be said.
            DeadlineExceeded: the request's budget ended.
        """
        looked = await self._be_fresh(deadline)
        if key_id not in self._keys and not looked and self._may_look_again():
            looked = await self._fetched(deadline)
            if not looked:
                raise ServiceUnavailable
        if key_id not in self._keys and looked:
            self._look_again_after = self._clock() + PAUSE_SECONDS
        return self._keys.get(key_id)

    async def renew(self, deadline: Deadline) -> None:
        """Read the set, however old the last one is; a failure is logged, and met again by who needs a key."""
        await self._fetched(deadline)

    async def _be_fresh(self, deadline: Deadline) -> bool:
        """Renew the set when it is old; tell whether it was fetched for this call."""
        now = self._clock()
        trusted = now - self._fetched_at < TRUSTED_SECONDS
        if now - self._fetched_at < FRESH_SECONDS or (trusted and now < self._renew_after):
            return False
        fetched = await self._fetched(deadline)
        if not fetched and not trusted:
            raise ServiceUnavailable
        return fetched

    def _may_look_again(self) -> bool:
        return self._flight is not None or self._clock() >= self._look_again_after

    async def _fetched(self, deadline: Deadline) -> bool:
        """Join the fetch under way, or begin one; a waiter that leaves does not end it for the others."""
        seconds = deadline.timeout(FETCH_SECONDS)
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(self._fetch())
        try:
            return await asyncio.wait_for(asyncio.shield(self._flight), seconds)
        except TimeoutError:
            return False

    async def _fetch(self) -> bool:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                reply = await self._http.get(self._url, timeout=FETCH_SECONDS)
            keys = _usable(reply.raise_for_status().json())
        except (TimeoutError, httpx.HTTPError, ValueError, LookupError, TypeError) as exc:
            log_event("jwks.failed", error=exc)
            self._renew_after = self._clock() + PAUSE_SECONDS
            return False
        finally:
            self._flight = None
        self._keys = keys
        self._fetched_at = self._clock()
        return True


def _usable(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """Return the signing keys of the two algorithms that we accept; others, and broken ones, are left out."""
    keys = {}
    for entry in filter(_is_object, document["keys"]):
        algorithm = _CURVES_AND_TYPES.get((entry.get("kty"), entry.get("crv")))
        if algorithm is None or entry.get("alg", algorithm) != algorithm or entry.get("use", "sig") != "sig":
            continue
        try:
            keys[str(entry["kid"])] = jwt.PyJWK(entry, algorithm)
        except (jwt.PyJWTError, KeyError) as exc:
            log_event("jwks.key_left_out", error=exc)
    return keys


def _is_object(entry: object) -> bool:
    return isinstance(entry, dict)
