"""The closed set of outcomes: the same names in SQL and in Python, each with its error."""

import psycopg
import pytest

from shared.ai.money.ledger import _refusal
from shared.ai.money.outcomes import Outcome
from shared.errors import InternalError, NexscoutError

REFUSED = {
    Outcome.IN_PROGRESS: ("request_in_progress", {"retry_after_seconds": 2}),
    Outcome.IDEMPOTENCY_CONFLICT: ("idempotency_conflict", {}),
    Outcome.UNKNOWN_ACCOUNT: ("unauthorized", {}),
    Outcome.UNKNOWN_ACTION: ("unknown_action", {}),
    Outcome.SESSION_NOT_FOUND: ("session_not_found", {}),
    Outcome.CHATBOT_NOT_FOUND: ("chatbot_not_found", {}),
    Outcome.CONVERSATION_NOT_FOUND: ("conversation_not_found", {}),
    Outcome.UPGRADE_REQUIRED: ("upgrade_required", {}),
    Outcome.INSUFFICIENT_ENERGY: ("insufficient_energy", {"required_energy": 10, "energy_available": 5}),
    Outcome.INSUFFICIENT_COINS: ("insufficient_coins", {"required_coins": 5, "coins_available": 1}),
    Outcome.SPEND_CAP_REACHED: ("spend_cap_reached", {}),
    Outcome.VISITOR_CAP_REACHED: ("spend_cap_reached", {}),
    Outcome.RATE_LIMITED: ("rate_limited", {"retry_after_seconds": 7}),
}


def test_sql_and_python_have_the_same_members(database: psycopg.Connection) -> None:
    """The SQL type and the Python enumeration name the same outcomes, in the same order."""
    rows = database.execute("select unnest(enum_range(null::nexscout.outcome))::text").fetchall()
    assert [name for (name,) in rows] == list(Outcome)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_of_a_reservation_has_its_error(outcome: Outcome) -> None:
    """An outcome that refuses a call has its own code; one that cannot answer a reservation is an internal error."""
    code, figures = REFUSED.get(outcome, (InternalError.code, {}))
    error: NexscoutError = _refusal(outcome, figures)
    assert error.code == code
