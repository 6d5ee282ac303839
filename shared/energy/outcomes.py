"""The closed set of answers that the money functions give; the SQL type nexscout.outcome has the same members."""

from enum import StrEnum


class Outcome(StrEnum):
    """One member for each way in which a reserve, note, settle or release can end."""

    RESERVED = "reserved"
    REPLAYED = "replayed"
    IN_PROGRESS = "in_progress"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_ACTION = "unknown_action"
    UPGRADE_REQUIRED = "upgrade_required"
    INSUFFICIENT_ENERGY = "insufficient_energy"
    INSUFFICIENT_COINS = "insufficient_coins"
    SPEND_CAP_REACHED = "spend_cap_reached"
    VISITOR_CAP_REACHED = "visitor_cap_reached"
    RATE_LIMITED = "rate_limited"
    NOTED = "noted"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"
    ALREADY_SETTLED = "already_settled"
    ALREADY_RELEASED = "already_released"
    UNKNOWN_REQUEST = "unknown_request"
    SESSION_NOT_FOUND = "session_not_found"
    CHATBOT_NOT_FOUND = "chatbot_not_found"
    CONVERSATION_NOT_FOUND = "conversation_not_found"
