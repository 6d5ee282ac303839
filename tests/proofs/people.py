"""Accounts made by SQL alone: thousands of them, each for one story."""

import time
from uuid import uuid4

import jwt
import psycopg

from local.stack.stack import Stack
from tests.users import User

TOKEN_SECONDS = 7200


def make_user(database: psycopg.Connection[tuple[object, ...]], tier: str, energy: int) -> str:
    """A user of a tier with a balance of today; his id."""
    user_id = str(uuid4())
    database.execute(
        """with account as (insert into auth.users (id, email) values (%(id)s, %(email)s)),
             profile as (insert into public.profiles (id, email, subscription_tier, unique_user_id)
               values (%(id)s, %(email)s, %(tier)s, %(id)s))
           insert into public.user_energy (user_id, current_energy, max_energy, tier)
             values (%(id)s, %(energy)s, greatest(%(energy)s, 1), %(tier)s)""",
        {"id": user_id, "email": f"{user_id}@nexscout.test", "tier": tier, "energy": energy},
    )
    return user_id


def signed_in(
    stack: Stack, database: psycopg.Connection[tuple[object, ...]], tier: str = "pro", energy: int = 500
) -> User:
    """A user with an access token, as the API gives it at sign-in."""
    user_id = make_user(database, tier, energy)
    return User(user_id, f"{user_id}@nexscout.test", access_token(stack, user_id))


def access_token(stack: Stack, user_id: str) -> str:
    """A token of a user, as the API gives it at sign-in."""
    claims = {
        "aud": "authenticated",
        "role": "authenticated",
        "sub": user_id,
        "session_id": str(uuid4()),
        "exp": int(time.time()) + TOKEN_SECONDS,
    }
    return jwt.encode(claims, stack.jwt_secret, "HS256")
