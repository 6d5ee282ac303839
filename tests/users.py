"""People who sign up for one test."""

import secrets
import time
from dataclasses import dataclass

import httpx

from local.gateway import issuer
from local.stack.stack import Stack


@dataclass(frozen=True)
class User:
    """Somebody who has just signed up; the token is the HS256 one of the sign-up's reply."""

    id: str
    email: str
    access_token: str


def sign_up(stack: Stack) -> User:
    """Register a fresh user at the API, without profile or energy."""
    email = f"user-{secrets.token_hex(8)}@nexscout.test"
    reply = httpx.post(
        f"{stack.upstream_url}/auth/v1/signup",
        headers={"apikey": stack.publishable_key},
        json={"email": email, "password": "correct horse"},
    ).raise_for_status()
    session = reply.json()
    return User(session["user"]["id"], email, session["access_token"])


def asymmetric_token(stack: Stack, user: User, **claims: object) -> str:
    """An ES256 access token of the stack's own issuer, as hosted projects sign them, with claims replaced."""
    usual = {
        "iss": f"{stack.url}/auth/v1",
        "aud": "authenticated",
        "role": "authenticated",
        "sub": user.id,
        "email": user.email,
        "exp": int(time.time()) + 600,
    }
    return issuer.sign(usual | claims, stack.keys.signing_key)
