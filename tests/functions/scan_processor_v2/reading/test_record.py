"""Records and items: their stored form, their blocks, and which duplicates are omitted."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.scan_processor_v2.reading.duplicate import deduplicated
from functions.scan_processor_v2.reading.record import Item, Record, blocks, bucket_of

FIELDS = st.dictionaries(st.sampled_from(["name", "email", "phone"]), st.text(min_size=1, max_size=20))
SOURCES = st.sampled_from(["line", "row", "message", "image"])
RECORDS = st.builds(Record, st.integers(0, 10**6), st.text(max_size=80), FIELDS, SOURCES)


@given(RECORDS)
def test_a_stored_record_is_read_as_it_was(record: Record) -> None:
    """The record that is read from a block equals the stored one."""
    assert Record.from_json(record.to_json()) == record


def test_a_record_of_an_unknown_source_is_refused() -> None:
    """A block that our code did not write is refused."""
    with pytest.raises(ValueError, match="source"):
        Record.from_json({"position": 0, "text": "", "fields": {}, "source": "guess"})


def test_a_stored_item_names_its_bucket_and_is_read_as_it_was() -> None:
    """The bucket is calculated from the score and never read."""
    item = Item(
        3, "Ana Cruz", "Ana Cruz - asap", 70, 0.75, pain_points=("hirap",), evidence={"name": "Ana Cruz"}
    )
    stored = item.to_json()
    assert (stored["bucket"], stored["pain_points"]) == ("hot", ["hirap"])
    assert Item.from_json(stored | {"bucket": "cold"}) == item


@pytest.mark.parametrize(
    ("score", "bucket"), [(0, "cold"), (49, "cold"), (50, "warm"), (69, "warm"), (70, "hot")]
)
def test_the_score_decides_the_bucket(score: int, bucket: str) -> None:
    """Hot starts at 70, warm at 50."""
    assert bucket_of(score) == bucket


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (50, [50]), (51, [50, 1]), (120, [50, 50, 20])]
)
def test_records_come_in_blocks_of_fifty(count: int, sizes: list[int]) -> None:
    """The last block has the remaining records, in the same order."""
    records = [Record(position, "x") for position in range(count)]
    made = list(blocks(records))
    assert [len(block) for block in made] == sizes
    assert [record for block in made for record in block] == records


def test_exact_repeats_and_empty_records_are_left_out_and_counted() -> None:
    """Case and spacing are ignored; another number makes another record."""
    counts = Counter[str]()
    records = [
        Record(0, "need income", {"name": "Ana Cruz", "phone": "0917 123 4567"}, "row"),
        Record(1, "Need  income", {"name": "ANA CRUZ", "phone": "0917 123 4567"}, "row"),
        Record(2, "need income", {"name": "Ana Cruz", "phone": "0918 123 4567"}, "row"),
        Record(3, "", {}, "row"),
        Record(4, " - ", {"name": "--"}, "row"),
    ]
    assert [record.position for record in deduplicated(records, counts)] == [0, 2]
    assert counts == {"duplicates": 1, "empty": 2}


def test_an_image_is_never_taken_for_an_empty_record() -> None:
    """Its words are in the image."""
    counts = Counter[str]()
    assert list(deduplicated([Record(0, "", {}, "image")], counts)) == [Record(0, "", {}, "image")]
    assert counts == {}
