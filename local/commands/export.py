"""Results of a scan as CSV that a spreadsheet shows and never executes."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = (
    "name",
    "score",
    "bucket",
    "confidence",
    "email",
    "phone",
    "company",
    "content",
    "pain_points",
    "interests",
    "life_events",
    "sentiment",
    "opportunity_type",
    "signals",
    "top_factors",
    "scored_by",
    "duplicate_of",
)

# Starts of what a spreadsheet treats as a formula, also after blanks and in full-width forms.
# https://owasp.org/www-community/attacks/CSV_Injection (read 2026-11-22)
_FORMULA = re.compile(r"[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_GUARD = "'"


def csv_export(items: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows of `scan_processed_items` as CSV with a header; no cell is a formula.

    A cell that would be a formula starts with an apostrophe. Every cell is quoted, so that no comma, semicolon,
    quotation mark or line break in it starts another cell.
    """
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for item in items:
        known = {**(item.get("metadata") or {}), **item}
        writer.writerow([cell(known.get(column)) for column in COLUMNS])
    return written.getvalue()


def cell(value: object) -> str:
    """Return a value as the text of a cell: lists with semicolons between, nothing for None."""
    if value is None:
        return ""
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text.replace("\0", "")
    return _GUARD + text if _FORMULA.match(text) else text
