"""The index of the decisions agrees with their pages."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "docs" / "decisions"
ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+\.md)\) \| (.+) \|$", re.MULTILINE)
STATUS = re.compile(r"in force|replaced by (\d+)|withdrawn")

ROWS = ROW.findall((FOLDER / "README.md").read_text("utf-8"))


def test_every_page_is_in_the_index_under_its_title() -> None:
    """Each page has one row, and each row a page."""
    pages = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md") if path.name != "README.md"}
    titles = {name: text.splitlines()[0].removeprefix("# ") for name, text in pages.items()}
    assert sorted((name, title) for _, title, name, _ in ROWS) == sorted(titles.items())


def test_the_numbers_run_without_a_gap() -> None:
    """The numbers start at one, in the order of the rows."""
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(ROWS) + 1))


def test_every_status_is_one_of_three() -> None:
    """A replaced decision names a later one."""
    for number, _, name, status in ROWS:
        known = STATUS.fullmatch(status)
        assert known is not None, name
        assert known[1] is None or int(number) < int(known[1]) <= len(ROWS), name
