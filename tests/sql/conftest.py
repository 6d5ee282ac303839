"""Databases to migrate, with the app's own schema and data; and the money functions with the service key."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from local.migrations.apply import apply
from tests.conftest import EmptyDatabase
from tests.sql.money import Money
from tests.sql.roles import make_users

HERE = Path(__file__).parent


@pytest.fixture
def existing_database(empty_database: EmptyDatabase) -> Callable[[], str]:
    """Return what creates a database in the state of the app's own migrations and some use; it returns the address."""

    def make() -> str:
        url = empty_database()
        with psycopg.connect(url) as connection:
            for name in ("existing_schema.sql", "existing_data.sql"):
                connection.execute((HERE / name).read_bytes())
        return url

    return make


@pytest.fixture(scope="session")
def migrated(empty_database: EmptyDatabase) -> str:
    """Return a project with all migrations that no API server has touched: the local one grants all tables."""
    url = empty_database()
    apply(url)
    return url


@pytest.fixture
def connection(migrated: str) -> Iterator[psycopg.Connection]:
    """Yield a transaction with the three users that is rolled back."""
    with psycopg.connect(migrated) as opened:
        make_users(opened)
        yield opened
        opened.rollback()


@pytest.fixture(scope="session")
def money_url(empty_database: EmptyDatabase) -> str:
    """Return a project only for the money tests, which change prices and limits."""
    url = empty_database()
    apply(url)
    return url


@pytest.fixture(scope="session")
def money(money_url: str) -> Iterator[Money]:
    """Yield the money functions; each test uses its own accounts."""
    with (
        psycopg.connect(
            money_url, autocommit=True, options="-c role=service_role -c lock_timeout=20s"
        ) as service,
        psycopg.connect(money_url, autocommit=True) as admin,
    ):
        yield Money(service, admin)
