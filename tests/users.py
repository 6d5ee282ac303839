"""People who sign up for one test."""

import secrets
from dataclasses import dataclass

import httpx

from local.stack import Stack


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
