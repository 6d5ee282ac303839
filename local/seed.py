"""The two example workspaces."""

from dataclasses import dataclass

import httpx
import psycopg

from local.problem import Problem
from local.project import PROJECT

SEED = PROJECT / "supabase" / "seed.sql"


@dataclass(frozen=True)
class Person:
    """A person who can sign in."""

    email: str
    password: str


DEMO = Person("demo@nexscout.test", "demo-password")
OTHER = Person("other@nexscout.test", "other-password")
DEMO_CHAT_SLUG = "demo"


def seed(database_url: str, api_url: str, publishable_key: str) -> dict[str, str]:
    """Create the users that are missing, then their rows; return the users' ids by e-mail.

    Running it again does no harm.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        for person in (DEMO, OTHER):
            if find(connection, person) is None:
                sign_up(api_url, publishable_key, person)
        if SEED.exists():
            connection.execute(SEED.read_bytes())
        return {person.email: find(connection, person) or "" for person in (DEMO, OTHER)}


def find(connection: psycopg.Connection[tuple[object, ...]], person: Person) -> str | None:
    """Return the id of the user with an e-mail address; None where there is none."""
    row = connection.execute("select id from auth.users where email = %s", [person.email]).fetchone()
    return None if row is None else str(row[0])


def sign_up(api_url: str, publishable_key: str, person: Person) -> None:
    """Register a user through the public API."""
    reply = httpx.post(
        f"{api_url}/auth/v1/signup",
        headers={"apikey": publishable_key},
        json={"email": person.email, "password": person.password},
        timeout=30,
    )
    if reply.is_error:
        raise Problem(
            f"the example user {person.email} could not be made ({reply.status_code}): {reply.text}"
        )
