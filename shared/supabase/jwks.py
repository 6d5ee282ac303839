"""The public keys of the project's user tokens, fetched and cached."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import httpx
import jwt

from shared.deadline import Clock, Deadline
from shared.errors import ServiceUnavailable
from shared.log import log_event
from shared.single_flight import Ages, SingleFlight

FRESH_SECONDS = 600.0
"""After this age the set is fetched again, so that a revoked key becomes invalid here too."""

TRUSTED_SECONDS = 3600.0
"""While the endpoint fails, the last set is used up to this age."""

PAUSE_SECONDS = 30.0
"""The pause between fetches for unknown keys, and after a failed renewal."""

FETCH_SECONDS = 3.0

Keys = Mapping[str, jwt.PyJWK]
"""The keys of one fetch by their ids."""

_CURVES_AND_TYPES = {("EC", "P-256"): "ES256", ("RSA", None): "RS256"}


class KeySet:
    """Finds the public key of a key id; simultaneous callers share one fetch."""

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Clock = time.monotonic) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._sets: SingleFlight[str, Keys] = SingleFlight(
            Ages(FRESH_SECONDS, TRUSTED_SECONDS, PAUSE_SECONDS), clock=clock
        )
        self._next_fetch_at = float("-inf")

    async def find(self, key_id: str, deadline: Deadline) -> jwt.PyJWK | None:
        """Return the key, or None if the project has no such key.

        Raises:
            ServiceUnavailable: the keys could not be fetched.
            DeadlineExceeded: the deadline has passed.
        """
        last, wait = self._sets.trusted(self._url), partial(deadline.timeout, FETCH_SECONDS)
        keys = await self._sets.get(self._url, self._fetch, wait)
        fetched = keys is not last
        if key_id not in keys and not fetched and self._may_fetch_again():
            keys, fetched = await self._sets.load(self._url, self._fetch, wait), True
        if key_id not in keys and fetched:
            self._next_fetch_at = self._clock() + PAUSE_SECONDS
        return keys.get(key_id)

    async def renew(self, deadline: Deadline) -> None:
        """Fetch the set, even if the last one is fresh; a failure is only logged."""
        with suppress(ServiceUnavailable):
            await self._sets.load(self._url, self._fetch, partial(deadline.timeout, FETCH_SECONDS))

    def _may_fetch_again(self) -> bool:
        return self._sets.is_loading(self._url) or self._clock() >= self._next_fetch_at

    async def _fetch(self) -> Keys:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                reply = await self._http.get(self._url, timeout=FETCH_SECONDS)
            return _usable(reply.raise_for_status().json())
        except (TimeoutError, httpx.HTTPError, ValueError, LookupError, TypeError) as exc:
            log_event("jwks.failed", error=exc)
            raise ServiceUnavailable from exc


def _usable(document: Mapping[str, Any]) -> Keys:
    """Return the valid signing keys of the two accepted algorithms; others are ignored."""
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
