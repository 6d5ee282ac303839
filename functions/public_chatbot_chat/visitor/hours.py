"""Business hours of a chatbot, in the workspace's own time zone."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Manila"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def is_open(hours: Mapping[str, Any] | None, now: datetime) -> bool:
    """Return whether the business is open; without hours, or with disabled hours, it always is.

    `hours` is {"timezone"?, "enabled"?, "<day>": {"open": "09:00", "close": "18:00", "closed"?}}; if any
    day is named, the others are closed. A close before the open is on the next day.
    """
    hours = hours or {}
    named = {day: hours[day] for day in DAYS if isinstance(hours.get(day), Mapping)}
    if hours.get("enabled") is False or not named:
        return True
    local = now.astimezone(_zone(hours.get("timezone")))
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    at = local.time()
    return _within(named.get(today), at, since_yesterday=False) or _within(
        named.get(yesterday), at, since_yesterday=True
    )


def _within(day: Mapping[str, Any] | None, at: time, *, since_yesterday: bool) -> bool:
    if day is None or day.get("closed") is True:
        return False
    opens, closes = _time(day.get("open")), _time(day.get("close"))
    if opens is None or closes is None:
        return not since_yesterday
    if opens < closes:
        return not since_yesterday and opens <= at < closes
    return at < closes if since_yesterday else at >= opens


def _time(text: object) -> time | None:
    try:
        return time.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name)) if name else ZoneInfo(DEFAULT_ZONE)
    except (ValueError, OSError, KeyError):
        return ZoneInfo(DEFAULT_ZONE)
