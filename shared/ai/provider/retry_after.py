"""How long a provider asks to be left alone: the header `Retry-After` of RFC 9110, section 10.2.3."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds, from a number or an HTTP date; None where there is none that can be read.

    A date is taken against the reply's own `Date`, so that two clocks need not agree.
    """
    asked = headers.get("retry-after")
    if asked is None:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        until = _instant(asked)
        since = _instant(headers.get("date")) or now
        seconds = math.nan if until is None else (until - since).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _instant(text: str | None) -> datetime | None:
    try:
        moment = None if text is None else parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)
