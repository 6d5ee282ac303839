"""The forms of Retry-After."""

from datetime import UTC, datetime

import pytest

from shared.ai.provider.retry_after import retry_after_seconds

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DATE = "Sun, 22 Nov 2026 12:00:30 GMT"
"""The provider's clock: half a minute ahead of ours."""

FORMS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "2"}, 2.0),
    ({"retry-after": "3.5"}, 3.5),
    ({"retry-after": "0"}, 0.0),
    ({"retry-after": "-4"}, 0.0),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "Sun, 22 Nov 2026 12:00:40 GMT"}, 40.0),
    ({"retry-after": "Sun, 22 Nov 2026 12:00:40 GMT", "date": DATE}, 10.0),
    ({"retry-after": "Sun, 22 Nov 2026 12:00:40 GMT", "date": "yesterday"}, 40.0),
    ({"retry-after": "Sun, 22 Nov 2026 12:00:40 -0000", "date": DATE}, 10.0),
    ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": DATE}, 0.0),
    ({"retry-after": "Sun, 99 Nov 2026 12:00:40 GMT"}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), FORMS, ids=str)
def test_what_is_asked_for_is_read_from_a_number_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    """An unreadable value asks for no wait, and so does a date in the past."""
    assert retry_after_seconds(headers, NOW) == seconds
