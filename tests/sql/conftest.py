"""Databases to migrate: the app's own schema with data in it."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

HERE = Path(__file__).parent


@pytest.fixture
def existing_database(empty_database: Callable[[], str]) -> Callable[[], str]:
    """Make a database as the app's own migrations and some use leave it; each call gives the address."""

    def make() -> str:
        url = empty_database()
        with psycopg.connect(url) as connection:
            for name in ("existing_schema.sql", "existing_data.sql"):
                connection.execute((HERE / name).read_bytes())
        return url

    return make
