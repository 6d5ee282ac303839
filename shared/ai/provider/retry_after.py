"""The header `Retry-After` of RFC 9110, section 10.2.3: how long a provider wants no request."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds, from a number or an HTTP date; None if the header is missing or unreadable.

    A date is compared with the reply's own `Date`, so that the two clocks need not agree.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        end = _instant(value)
        since = _instant(headers.get("date")) or now
        seconds = math.nan if end is None else (end - since).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _instant(text: str | None) -> datetime | None:
    try:
        moment = None if text is None else parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)
