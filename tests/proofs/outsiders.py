"""Callers from outside: each kind of key and token, also forged and expired ones."""

import time
from collections.abc import Mapping

import jwt

from local.stack.stack import Stack
from tests.users import User, asymmetric_token

Headers = Mapping[str, str]

EXP_SECONDS = 7200


def legacy_key(stack: Stack, role: str) -> str:
    """Return a project's key in the older format: a token of a role, without a user."""
    claims = {"iss": "supabase", "role": role, "exp": int(time.time()) + EXP_SECONDS}
    return jwt.encode(claims, stack.jwt_secret, "HS256")


def forged(stack: Stack, user_id: str) -> dict[str, str]:
    """Return invalid tokens in a user's name, by what is wrong with each."""
    now = int(time.time())
    claims = {"aud": "authenticated", "role": "authenticated", "sub": user_id, "exp": now + EXP_SECONDS}
    wrong = "x" * len(stack.jwt_secret)
    return {
        "signed with another secret": jwt.encode(claims, wrong, "HS256"),
        "not signed": jwt.encode(claims, "", "none"),
        "expired": jwt.encode(claims | {"exp": now - EXP_SECONDS}, stack.jwt_secret, "HS256"),
        "signed with the public key of the project": jwt.encode(claims, stack.publishable_key * 2, "HS256"),
        "service by another secret": jwt.encode(
            {"role": "service_role", "exp": now + EXP_SECONDS}, wrong, "HS256"
        ),
    }


def outsiders(stack: Stack, attacker: User, victim_ids: list[str]) -> dict[str, Headers]:
    """Return the headers of each caller, by key or token; none of them is the service or a victim."""
    key = {"apikey": stack.publishable_key}
    callers: dict[str, Headers] = {
        "publishable key": key,
        "publishable key twice": _bearing(key, stack.publishable_key),
        "legacy anonymous key": _bearing({"apikey": legacy_key(stack, "anon")}, legacy_key(stack, "anon")),
        "legacy anonymous key as bearer": _bearing(key, legacy_key(stack, "anon")),
        "HS256 user": _bearing(key, attacker.access_token),
        "ES256 user": _bearing(key, asymmetric_token(stack, attacker, exp=int(time.time()) + EXP_SECONDS)),
        "user's token as key": {"apikey": attacker.access_token},
        "nothing": {},
    }
    for victim_id in victim_ids:
        for fault, token in forged(stack, victim_id).items():
            callers[f"token {fault}, for {victim_id[:8]}"] = _bearing(key, token)
    return callers


def _bearing(key: Headers, token: str) -> Headers:
    return {**key, "authorization": f"Bearer {token}"}
