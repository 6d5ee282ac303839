"""A connection to the database of a `DATABASE_URL`, or an error message that says why there is none."""

from urllib.parse import urlsplit

import psycopg

from local.problem import Problem

CONNECT_SECONDS = 10
NO_ADDRESS = "DATABASE_URL is not an address of the form postgresql://user:password@host:5432/database."
# Parts of libpq's messages, in the order in which they are looked for, and the remedy for each.
REMEDIES = {
    "password authentication failed": "The database refused the password: check the one in DATABASE_URL.",
    "no password supplied": "The database asks for a password: put it into DATABASE_URL.",
    "Tenant or user not found": "The pooler knows no such project: copy the address from the dashboard.",
    "does not exist": "The server answers, but has no such database or role: check the end of DATABASE_URL.",
    "Connection refused": "Nothing listens there: is the server running, and is the port right?",
    "timeout": "The server did not answer in time: check the address, and whether a firewall stands between.",
    "could not translate host name": "There is no host of that name: check the address.",
    "failed to resolve host": "There is no host of that name: check the address.",
    "SSL": "The encrypted connection failed: check sslmode in DATABASE_URL.",
}


def connect(database_url: str) -> psycopg.Connection:
    """Connect, in autocommit, with names resolved as in the migrations; an error never contains the password.

    Raises:
        Problem: when the address is invalid, or the database cannot be reached or refuses the connection.
    """
    place = where(database_url)
    try:
        return psycopg.connect(
            database_url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="nexscout migrate",
            # Poolers that assign a server per transaction lose prepared statements.
            prepare_threshold=None,
        )
    except psycopg.ProgrammingError:
        raise Problem(NO_ADDRESS) from None
    except psycopg.OperationalError as error:
        remedy = next(
            (remedy for said, remedy in REMEDIES.items() if said.lower() in str(error).lower()), None
        )
        raise Problem(f"Cannot connect to {place}. {remedy or 'Check the address.'}") from None


def where(database_url: str) -> str:
    """Return host, port and database of an address, for messages; never the password.

    Raises:
        Problem: when it is not the address of a PostgreSQL database.
    """
    try:
        parts = urlsplit(database_url)
        port = parts.port or 5432
    except ValueError:
        raise Problem(NO_ADDRESS) from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise Problem(NO_ADDRESS)
    return f"{parts.hostname}:{port}{parts.path or '/postgres'}"
