"""The database's rows of one user, as a test reads them after a call."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.users import User

Row = dict[str, Any]


class Books:
    """The rows of one user: balance, holds, usage, attempts, generations, ledger."""

    def __init__(self, database: psycopg.Connection[tuple[object, ...]], user: User) -> None:
        self._database = database
        self._user_id = user.id

    def energy(self) -> int:
        """Return the balance."""
        (row,) = self._rows("select current_energy from public.user_energy where user_id = %s")
        energy: int = row["current_energy"]
        return energy

    def usage(self) -> list[Row]:
        """Return the rows of ai_usage_logs, oldest first."""
        return self._rows("select * from public.ai_usage_logs where user_id = %s order by created_at")

    def attempts(self) -> list[Row]:
        """Return the rows of ai_usage_attempts, in the order in which they were sent."""
        return self._rows(
            "select * from public.ai_usage_attempts where user_id = %s order by created_at, ordinal"
        )

    def generations(self) -> list[Row]:
        """Return the rows of ai_generations, oldest first."""
        return self._rows("select * from public.ai_generations where user_id = %s order by created_at")

    def requests(self) -> list[Row]:
        """Return the rows of ai_requests, oldest first."""
        return self._rows("select * from public.ai_requests where user_id = %s order by created_at")

    def ledger(self) -> list[int]:
        """Return the signed changes of the balance by our calls, oldest first."""
        rows = self._rows(
            "select delta from public.energy_transactions where user_id = %s and request_id is not null "
            "order by created_at"
        )
        return [row["delta"] for row in rows]

    def assert_nothing_charged(self, energy: int) -> None:
        """Assert that the balance is unchanged, no call was charged, and nothing is held."""
        assert self.energy() == energy
        assert self.ledger() == []
        assert [row["energy_consumed"] for row in self.usage() if row["energy_consumed"]] == []
        assert [row["state"] for row in self.requests() if row["state"] in {"held", "settled"}] == []

    def _rows(self, query: str) -> list[Row]:
        with self._database.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), [self._user_id]).fetchall()


def add_prospect(
    database: psycopg.Connection[tuple[object, ...]],
    user: User,
    full_name: str = "Maria Santos",
    notes: str = "",
) -> str:
    """Insert a prospect of the user and return its id."""
    row = database.execute(
        """insert into public.prospects (user_id, full_name, metadata)
           values (%s, %s, jsonb_build_object('notes', %s::text)) returning id::text""",
        [user.id, full_name, notes],
    ).fetchone()
    assert row is not None
    return str(row[0])
