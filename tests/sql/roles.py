"""Statements with each of the keys, as the API runs them: a role and the claims of a token."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

OWNER = "00000000-0000-4000-8000-0000000000a1"
OTHER = "00000000-0000-4000-8000-0000000000a2"
ADMINISTRATOR = "00000000-0000-4000-8000-0000000000a3"


@dataclass(frozen=True)
class Key:
    """A database role, and the user of the token if there is one."""

    role: str
    user_id: str | None = None


KEYS = {
    "owner": Key("authenticated", OWNER),
    "other": Key("authenticated", OTHER),
    "administrator": Key("authenticated", ADMINISTRATOR),
    "anonymous": Key("anon"),
    "service": Key("service_role"),
}


def make_users(connection: psycopg.Connection) -> None:
    """Register the three users, one of them an administrator."""
    for user_id, email in ((OWNER, "owner"), (OTHER, "other"), (ADMINISTRATOR, "administrator")):
        connection.execute(
            "insert into auth.users (id, email) values (%s, %s)", [user_id, f"{email}@row-security.test"]
        )
    connection.execute("insert into public.admin_users (user_id) values (%s)", [ADMINISTRATOR])


@contextmanager
def acting_as(connection: psycopg.Connection, key: Key) -> Iterator[None]:
    """Run the block with a key's rights, inside the open transaction."""
    set_claims(connection, {"role": key.role, "sub": key.user_id or ""})
    connection.execute(f"set local role {key.role}".encode())
    try:
        yield
    finally:
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            connection.execute("reset role")
            set_claims(connection, {"role": "", "sub": ""})


def set_claims(connection: psycopg.Connection, claims: dict[str, str]) -> None:
    """Set the token's claims, in the form of the present PostgREST and in the older form, claim by claim."""
    settings = {f"request.jwt.claim.{name}": value for name, value in claims.items()}
    settings["request.jwt.claims"] = json.dumps({name: value for name, value in claims.items() if value})
    for name, value in settings.items():
        connection.execute("select set_config(%s, %s, true)", [name, value])


@contextmanager
def undone(connection: psycopg.Connection) -> Iterator[None]:
    """Undo what the block did, inside the open transaction."""
    with connection.transaction() as savepoint:
        yield
        raise psycopg.Rollback(savepoint)
