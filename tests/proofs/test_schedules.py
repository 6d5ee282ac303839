"""Nothing unbilled, nothing stuck: the real code over the real SQL, in thousands of simulated worlds with failures."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from local.migrations.apply import apply
from tests.conftest import EmptyDatabase
from tests.proofs.schedule import Call, Outcome, Simulation
from tests.sql.invariants import broken

Row = dict[str, Any]
BLOCK = 500


@pytest.fixture
def simulation(empty_database: EmptyDatabase) -> Iterator[Simulation]:
    """Yield the code with simulated connections, over a new database, as a sweep reads all its accounts."""
    url = empty_database()
    apply(url)
    with psycopg.connect(url, autocommit=True) as connection:
        yield Simulation(connection)


class Books:
    """The rows that a schedule has written."""

    def __init__(self, simulation: Simulation, outcome: Outcome) -> None:
        self._connection = simulation.connection
        self.user_id = outcome.user_id
        self.requests = {row["id"]: row for row in self._rows("ai_requests")}
        self.usage = self._rows("ai_usage_logs")
        self.attempts = self._rows("ai_usage_attempts")
        (self.account,) = self._rows("user_energy")

    def broken(self) -> list[str]:
        """Return the promises of the ledger that do not hold."""
        return broken(self._connection, UUID(self.user_id))

    def _rows(self, table: str) -> list[Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(
                f"select * from public.{table} where user_id = %s".encode(), [self.user_id]
            ).fetchall()


def ledger_is_right(outcome: Outcome, books: Books) -> None:
    """The ledger sums to the balance, and only settled calls were charged."""
    assert books.broken() == []
    charged = sum(row["energy_charged"] for row in books.requests.values())
    assert books.account["current_energy"] == outcome.energy - charged >= 0
    for row in books.requests.values():
        assert row["energy_charged"] <= row["energy_held"]
        assert row["state"] == "settled" or row["energy_charged"] == 0


def nothing_is_stuck(_outcome: Outcome, books: Books) -> None:
    """After one sweep no hold is open and every call has exactly one usage row."""
    assert [row["id"] for row in books.requests.values() if row["state"] == "held"] == []
    assert Counter(row["request_id"] for row in books.usage) >= Counter(books.requests.keys())
    assert max(Counter(row["request_id"] for row in books.usage).values(), default=1) == 1


def every_request_is_recorded(outcome: Outcome, books: Books) -> None:
    """Each request at the provider has a row; a call that ended by itself recorded exactly its own requests."""
    attempts = Counter(f"call {row['request_id']}" for row in books.attempts)
    sent, arrived = Counter(outcome.sent), Counter(arrival.call for arrival in outcome.arrivals)
    assert attempts >= arrived
    for row in books.requests.values():
        if row["state"] in {"settled", "released"}:
            assert attempts[f"call {row['id']}"] == sent[f"call {row['id']}"]
    known = [(row["provider_request_id"], f"call {row['request_id']}") for row in books.attempts]
    known = [pair for pair in known if pair[0] is not None]
    assert len(known) == len(set(known))
    assert set(known) <= {(arrival.id, arrival.call) for arrival in outcome.arrivals}


def charged_only_for_what_was_delivered(outcome: Outcome, books: Books) -> None:
    """A caller who got an error, or disconnected before the first text, paid nothing; what was delivered is recorded.

    A structured result is complete before its caller gets it: a caller that disconnects during the settlement has paid.
    """
    for call in outcome.calls:
        request = books.requests.get(call.id)
        if call.process.dead or request is None:
            continue
        if call.delivered and not call.replayed:
            assert request["state"] in {"settled", "expired"}
        elif not call.text and not (call.aborted and call.ai.task.structure is not None):
            assert request["energy_charged"] == 0


def a_key_is_served_once(outcome: Outcome, books: Books) -> None:
    """At most one call with a key is settled; every replay returns its reply."""
    settled = Counter(
        row["idempotency_key"]
        for row in books.requests.values()
        if row["state"] == "settled" and row["idempotency_key"] is not None
    )
    assert max(settled.values(), default=1) == 1
    for call in replays(outcome):
        assert call.body is not None
        request = books.requests[UUID(call.body["requestId"])]
        assert (request["state"], request["idempotency_key"]) == ("settled", call.ai.idempotency_key)
        assert request["reply"] == call.body
        assert call.id not in books.requests


def replays(outcome: Outcome) -> list[Call]:
    """Return the calls that were answered from an earlier one."""
    return [call for call in outcome.calls if call.replayed]


def nothing_expires_where_nobody_dies(outcome: Outcome, books: Books) -> None:
    """Without lost messages and kills, calls end by themselves: the attempts are exactly the sent requests."""
    if outcome.reliable:
        assert {row["state"] for row in books.requests.values()} <= {"settled", "released"}
        assert len(books.attempts) == len(outcome.arrivals)


PROMISES: list[Callable[[Outcome, Books], None]] = [
    ledger_is_right,
    nothing_is_stuck,
    every_request_is_recorded,
    charged_only_for_what_was_delivered,
    a_key_is_served_once,
    nothing_expires_where_nobody_dies,
]


def keep_promises(simulation: Simulation, seed: int) -> Outcome:
    """Run the schedule of a seed and check all promises."""
    outcome = simulation.run(seed)
    books = Books(simulation, outcome)
    for promise in PROMISES:
        promise(outcome, books)
    return outcome


def test_schedules_of_faults_leave_nothing_unbilled_and_nothing_stuck(simulation: Simulation) -> None:
    """200 seeds of crash, abort, timeout, lost reply, duplicate, late settle and sweep break no promise."""
    calls: Counter[str] = Counter()
    for seed in range(200):
        outcome = keep_promises(simulation, seed)
        calls["delivered"] += sum(call.delivered for call in outcome.calls)
        calls["refused"] += sum(call.error is not None for call in outcome.calls)
        calls["aborted"] += sum(call.aborted for call in outcome.calls)
        calls["crashed"] += sum(call.process.dead for call in outcome.calls)
        calls["replayed"] += len(replays(outcome))
    # The schedules would prove little if one of these almost never happened.
    assert min(calls.values()) >= 5, calls


@pytest.mark.soak
@pytest.mark.parametrize("block", range(20))
def test_ten_thousand_schedules_of_faults_leave_nothing_unbilled_and_nothing_stuck(
    simulation: Simulation, block: int
) -> None:
    """10,000 schedules, 500 a block, with other seeds than the short run."""
    for seed in range(1000 + block * BLOCK, 1000 + (block + 1) * BLOCK):
        keep_promises(simulation, seed)
