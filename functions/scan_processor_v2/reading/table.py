"""CSV files as records, one per row, in bounded memory."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from functions.scan_processor_v2.reading.columns import (
    Columns,
    columns_by_cells,
    columns_by_header,
    is_header,
)
from functions.scan_processor_v2.reading.details import filled
from functions.scan_processor_v2.reading.encoding import FIELD, text_lines, unreadable
from functions.scan_processor_v2.reading.record import Record, parts

MAX_COLUMNS = 500
MAX_CELL = 1_000
"""A longer cell is no name and no contact, but a text in the wrong column."""
DELIMITERS = ",;\t|"
_HEADER_WITHIN = 10
_SAMPLE_ROWS = 30

Row = list[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a table: its columns' fields and headers."""

    columns: Columns
    headers: Sequence[str]


def csv_records(data: bytes | Iterable[bytes], field: str = FIELD) -> Iterator[Record]:
    """Yield a record for each row, even if it has no e-mail or only empty cells.

    Known columns become fields, the others text, each with its header. A row of more than 2,000 characters is split
    into parts with the same fields. Memory does not grow with the file.

    Raises:
        InvalidRequest: while reading: no text file, invalid quotes, or too many columns; the message names the row.
    """
    rows = _rows(text_lines(data, field), field)
    start = list(islice(rows, _SAMPLE_ROWS))
    layout, start = _layout(start)
    position = 0
    for row in chain(start, rows):
        fields, words = _cells(row, layout)
        for text in parts(words):
            yield Record(position, text, fields, "row")
            position += 1


def is_table(lines: Sequence[str]) -> bool:
    """Return whether pasted lines are rows of a table with a header, as copied from a spreadsheet."""
    filled = list(islice((line for line in lines if line.strip()), 2))
    mark = _delimiter(filled)
    return (
        len(filled) == 2  # noqa: PLR2004  # a header and a row
        and all(_marks(line, mark) for line in filled)
        and is_header(filled[0].split(mark))
    )


def _rows(lines: Iterator[str], field: str) -> Iterator[Row]:
    """Yield the rows that have a cell; blank lines are skipped."""
    start = list(islice(lines, _SAMPLE_ROWS))
    delimiter = _delimiter(start)
    if start and start[0].lower().startswith("sep=") and len(start[0].strip()) == len("sep=;"):
        delimiter = start.pop(0).strip()[-1]
    reader = csv.reader(chain(start, lines), delimiter=delimiter, strict=True)
    number = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise unreadable(f"Row {number + 1} of the file cannot be read: {_why(exc)}.", field) from exc
        number += 1
        if len(row) > MAX_COLUMNS:
            raise unreadable(
                f"Row {number} of the file has {len(row)} columns: at most {MAX_COLUMNS}.", field
            )
        if row:
            yield row


def _why(error: csv.Error) -> str:
    message = str(error)
    if "field larger" in message or "unexpected end" in message:
        return "a quotation mark that opens a cell is never closed"
    if "expected after" in message:
        return "a quotation mark inside a quoted cell must be written twice"
    return "its cells cannot be message apart"


def _delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that splits most lines into the same number of cells, else the comma."""
    best, most = ",", 0
    for mark in DELIMITERS:
        counts = Counter(_marks(line, mark) for line in lines if line.strip())
        counts.pop(0, None)
        same = max(counts.values(), default=0)
        if same > most:
            best, most = mark, same
    return best


def _marks(line: str, mark: str) -> int:
    """Return the number of delimiters outside of quotes."""
    return sum(part.count(mark) for part in line.split('"')[::2])


def _layout(rows: list[Row]) -> tuple[Layout, list[Row]]:
    """Return the layout and the rows after the header; rows above a header are its title."""
    for number, row in enumerate(rows[:_HEADER_WITHIN]):
        if is_header(row, rows[number + 1] if number + 1 < len(rows) else ()):
            return Layout(columns_by_header(row), [" ".join(cell.split()) for cell in row]), rows[
                number + 1 :
            ]
        if sum(bool(cell.strip()) for cell in row) > 1:
            break
    return Layout(columns_by_cells(rows), []), rows


def _cells(row: Row, layout: Layout) -> tuple[dict[str, str], list[str]]:
    """Return a row's fields, and its other cells as lines with their headers; notes come first, without a header.

    A cell of a known column that means no value (NULL, n/a) counts as empty.
    """
    fields: dict[str, str] = {}
    words: list[str] = []
    for number, cell in enumerate(row):
        value = " ".join(cell.split())
        if not value:
            continue
        field = layout.columns.get(number)
        if field is not None and filled(value) is None:
            continue
        header = layout.headers[number] if number < len(layout.headers) else ""
        if field == "notes":
            words.insert(0, value)
        elif field is not None and len(value) <= MAX_CELL:
            fields[field] = value
        else:
            words.append(f"{header}: {value}" if header else value)
    return fields, words
