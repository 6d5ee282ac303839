"""Users for one test: created by SQL, with a token as after a sign-in, or signed up at the API."""

import secrets
import time
from dataclasses import dataclass
from uuid import uuid4

import httpx
import jwt
import psycopg

from local.gateway import issuer
from local.stack.stack import Stack

TOKEN_SECONDS = 3600
PASSWORD = "correct horse"
PASSWORD_HASH = "$2b$04$CsFHyiDrLd5xWp1ZBWyZoeI25Adz8ZGMgQV7yGwJWF8OWWRXODbkS"
"""A bcrypt hash at its lowest cost."""


@dataclass(frozen=True)
class User:
    """A signed-in user; the token is an HS256 one, as after a sign-in."""

    id: str
    email: str
    access_token: str


def make_user(database: psycopg.Connection[tuple[object, ...]], tier: str, energy: int) -> str:
    """Return the id of a new user of a tier, with a balance of today."""
    user_id = str(uuid4())
    database.execute(
        """with account as (insert into auth.users (id, email) values (%(id)s, %(email)s)),
             profile as (insert into public.profiles (id, email, subscription_tier, unique_user_id)
               values (%(id)s, %(email)s, %(tier)s, %(id)s))
           insert into public.user_energy (user_id, current_energy, max_energy, tier)
             values (%(id)s, %(energy)s, greatest(%(energy)s, 1), %(tier)s)""",
        {"id": user_id, "email": email_of(user_id), "tier": tier, "energy": energy},
    )
    return user_id


def signed_in(
    stack: Stack, database: psycopg.Connection[tuple[object, ...]], tier: str = "pro", energy: int = 500
) -> User:
    """Return a new user with an access token."""
    user_id = make_user(database, tier, energy)
    return User(user_id, email_of(user_id), access_token(stack, user_id))


def email_of(user_id: str) -> str:
    """Return the e-mail address of a user who is created by SQL."""
    return f"{user_id}@nexscout.test"


def access_token(stack: Stack, user_id: str) -> str:
    """Return an HS256 access token of a user, with the claims of a sign-in at the API."""
    now = int(time.time())
    claims = {
        "sub": user_id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": email_of(user_id),
        "session_id": str(uuid4()),
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    }
    return jwt.encode(claims, stack.jwt_secret, "HS256")


def sign_up(stack: Stack) -> User:
    """Return a new user who signed up at the API, without profile or energy."""
    email = f"user-{secrets.token_hex(8)}@nexscout.test"
    reply = httpx.post(
        f"{stack.url}/auth/v1/signup",
        headers={"apikey": stack.publishable_key},
        json={"email": email, "password": PASSWORD},
    ).raise_for_status()
    session = reply.json()
    return User(session["user"]["id"], email, session["access_token"])


def asymmetric_token(stack: Stack, user: User, **claims: object) -> str:
    """Return an ES256 access token of the stack's own issuer, as hosted projects sign them, with claims replaced."""
    usual = {
        "iss": f"{stack.url}/auth/v1",
        "aud": "authenticated",
        "role": "authenticated",
        "sub": user.id,
        "email": user.email,
        "exp": int(time.time()) + 600,
    }
    return issuer.sign(usual | claims, stack.keys.signing_key)
