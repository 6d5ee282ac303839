"""Authentication: the caller of a request, by token or key. Nothing else trusts a token."""

import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import httpx
import jwt
from jwt.utils import base64url_decode
from pydantic import SecretStr

from shared.deadline import Clock, Deadline
from shared.errors import Forbidden, Unauthorized
from shared.secrets import SecretValues
from shared.settings import Settings
from shared.supabase.jwks import KeySet

AUDIENCE = "authenticated"
ROLE = "authenticated"
LEEWAY_SECONDS = 5
CHECK_SECONDS = 5.0
"""The limit of a check for a request without a deadline."""

_BEARER = re.compile(r"Bearer +([!-~]+)", re.IGNORECASE)

KeyKind = Literal["anonymous", "service"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The proven caller: a user by a verified token, anonymous and service by the project's keys.

    `user_id` is a lower-case UUID and `token` the verified token of a user. The service has no token; if it
    acts for an owner it has a `user_id`, and reads the owner's data only by service functions.
    """

    kind: Literal["user", "anonymous", "service"]
    user_id: str | None = None
    token: str | None = field(default=None, repr=False)


def check_owner(field: str, user_id: UUID | None, caller: Caller) -> None:
    """Raise Forbidden if a user names another user; a missing field means the caller."""
    if user_id is not None and str(user_id) != caller.user_id:
        raise Forbidden(f"{field} must be the signed-in user.")


class Authenticator:
    """Identifies the caller by the headers `Authorization` and `apikey` only."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._signers = KeySet(settings.supabase_jwks_url, http, clock)
        self._clock = clock

    async def prepare(self, deadline: Deadline) -> None:
        """Read the project's public keys in advance, which also opens a connection."""
        await self._signers.renew(deadline)

    async def authenticate(self, headers: Mapping[str, str], deadline: Deadline | None = None) -> Caller:
        """Return the caller; a valid user token decides, whatever the key.

        Raises:
            Unauthorized: no key and no token, an unknown key, or an invalid token.
            ServiceUnavailable: the token could not be checked.
            DeadlineExceeded: the deadline has passed.
        """
        api_key, bearer = _header(headers, "apikey"), _bearer(headers)
        secrets = await self._settings.secrets.current()
        kind = _kind_of(api_key, bearer, _project_keys(self._settings, secrets))
        if kind is not None:
            return Caller(kind)
        if bearer is None or bearer.startswith("sb_"):
            raise Unauthorized
        if deadline is None:
            deadline = Deadline.starting(CHECK_SECONDS, clock=self._clock)
        return Caller(
            "user", await self._verified_user(bearer, secrets.supabase_jwt_secret, deadline), bearer
        )

    async def _verified_user(self, token: str, secret: SecretStr | None, deadline: Deadline) -> str:
        try:
            header = _header_of(token.partition(".")[0])
            key = await self._key_for(header, secret, deadline)
            claims = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],  # the key was chosen for this algorithm, and fits no other
                audience=AUDIENCE,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "sub", "aud"], "enforce_minimum_key_length": True},
            )
        except jwt.PyJWTError as exc:
            raise Unauthorized from exc
        self._check_issuer(claims)
        return _user_id(claims)

    async def _key_for(
        self, header: Mapping[str, Any], secret: SecretStr | None, deadline: Deadline
    ) -> str | jwt.PyJWK:
        """Return the only key for the algorithm: a public key is never used as a secret."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm == "HS256" and secret is not None:
            return secret.get_secret_value()
        # A tuple, not a set: the algorithm in a token may be a list, which is not hashable.
        if algorithm in ("ES256", "RS256") and isinstance(key_id, str):
            key = await self._signers.find(key_id, deadline)
            if key is not None and key.algorithm_name == algorithm:
                return key
        raise Unauthorized

    def _check_issuer(self, claims: Mapping[str, Any]) -> None:
        if "iss" not in claims and not self._settings.supabase_jwt_issuer_required:
            return
        if claims.get("iss") != self._settings.supabase_jwt_issuer:
            raise Unauthorized


@lru_cache(maxsize=64)
def _header_of(segment: str) -> Mapping[str, Any]:
    """Return the header in the first segment of a token, which is equal in all tokens of one key.

    Raises:
        jwt.DecodeError: it is no JSON object. Everything else is checked with the signature.
    """
    try:
        header = json.loads(base64url_decode(segment))
    except (ValueError, RecursionError) as exc:
        raise jwt.DecodeError from exc
    if not isinstance(header, dict):
        raise jwt.DecodeError
    return header


def _project_keys(settings: Settings, secrets: SecretValues) -> list[tuple[str, KeyKind]]:
    keys: list[tuple[SecretStr | None, KeyKind]] = [
        (settings.supabase_publishable_key, "anonymous"),
        (settings.supabase_anon_key, "anonymous"),
        (secrets.supabase_secret_key, "service"),
        (secrets.supabase_service_role_key, "service"),
    ]
    return [(key.get_secret_value(), kind) for key, kind in keys if key is not None]


def _kind_of(api_key: str, bearer: str | None, keys: list[tuple[str, KeyKind]]) -> KeyKind | None:
    """Return the kind of the project's key that was sent, in `apikey` or in both headers, or None.

    A legacy key may be only in `Authorization`, as hosted functions accept it; an `sb_` key may not.
    """
    if bearer is None:
        return _key_kind(api_key, keys)
    alone = not api_key and not bearer.startswith("sb_")
    return _key_kind(bearer, keys) if alone or _same(api_key, bearer) else None


def _key_kind(key: str, keys: list[tuple[str, KeyKind]]) -> KeyKind | None:
    # Every key is compared, so that the time reveals nothing about a match.
    kinds = [kind for known, kind in keys if _same(known, key)]
    return kinds[0] if kinds else None


def _same(one: str, other: str) -> bool:
    # A header from an event's JSON may contain a lone surrogate.
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))


def _header(headers: Mapping[str, str], name: str) -> str:
    """Return a header's value; repeated headers are joined with commas, as HTTP does, and match no key."""
    return ", ".join(value.strip() for key, value in headers.items() if key.lower() == name)


def _bearer(headers: Mapping[str, str]) -> str | None:
    """Return the bearer token of `Authorization`, or None without that header."""
    authorization = _header(headers, "authorization")
    if not authorization:
        return None
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise Unauthorized
    return match[1]


def _user_id(claims: Mapping[str, Any]) -> str:
    """Return the subject of a user's token; legacy keys are tokens too, but of another role."""
    subject = claims["sub"]
    try:
        canonical = str(UUID(subject))
    except ValueError as exc:
        raise Unauthorized from exc
    if claims.get("role") != ROLE or canonical != subject.lower():
        raise Unauthorized
    return canonical
