"""Pasted text as records: chats, comments, lists and forms, and any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.scan_processor_v2.reading.record import MAX_TEXT, Record
from functions.scan_processor_v2.reading.text import text_records
from functions.scan_processor_v2.scoring.rules import rule_item

LINES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            [
                "Maria Santos - need income",
                "Maria Santos",
                "1. Juan Cruz 0917 123 4567",
                "Name: Ana Reyes",
                "Phone: 0918 123 4567",
                "12/11/2025, 9:15 AM - Gina Lopez: hm po?",
                "You: 500 po",
                "Gina: sige",
                "Like",
                "Author",
                "2h",
                "",
                "Name,Phone",
                "Ben Tan,0917",
                "BEGIN:VCARD",
                '"',
            ]
        ),
    ),
    max_size=12,
).map("\n".join)


def read(*lines: str) -> list[Record]:
    """Return the records of a text."""
    return list(text_records("\n".join(lines)))


def names(*lines: str) -> list[str | None]:
    """Return the names in the records of a text."""
    return [record.fields.get("name") for record in read(*lines)]


def test_a_line_with_a_name_and_a_note_is_a_record() -> None:
    """The old form «Name Surname — text» is read."""
    assert read("Maria Santos — kailangan ng extra income") == [
        Record(0, "Maria Santos — kailangan ng extra income", {"name": "Maria Santos"}, "line")
    ]


@pytest.mark.parametrize("mark", ["- ", "• ", "* ", "1. ", "2) ", "✅ ", "→ ", "#3 ", ""])
def test_marks_of_lists_are_no_part_of_a_name(mark: str) -> None:
    """Bullets, numbers and ticks before names are removed."""
    assert names(f"{mark}Maria Santos - interested") == ["Maria Santos"]


def test_what_one_person_wrote_in_a_chat_is_one_record() -> None:
    """Messages are grouped by sender; those of the exporting app are omitted."""
    records = read(
        "[ 11/3/2025 3:45 PM ] Lorna Velasco: available pa ba?",
        "[ 11/3/2025 3:46 PM ] Me: opo",
        "[ 11/3/2025 3:47 PM ] Ferdie Alonzo: hm?",
        "[ 11/3/2025 3:48 PM ] Lorna Velasco: text nyo ko 0956 101 2020",
    )
    assert records == [
        Record(0, "available pa ba?\ntext nyo ko 0956 101 2020", {"name": "Lorna Velasco"}, "message"),
        Record(1, "hm?", {"name": "Ferdie Alonzo"}, "message"),
    ]


def test_a_message_of_several_lines_stays_with_its_sender() -> None:
    """A line without a time continues the message above it."""
    records = read(
        "12/11/2025, 9:15 AM - Gina Lopez: hi po",
        "kailangan ko ng sideline",
        "12/11/2025, 9:16 AM - You: sige",
        "salamat",
    )
    assert [record.text for record in records] == ["hi po\nkailangan ko ng sideline"]


def test_the_sender_of_a_number_is_known_by_it() -> None:
    """A chat shows senders who are not in the address book by their number."""
    (record,) = read("12/11/2025, 9:15 AM - +63 917 123 4567: hm po?", "12/11/2025, 9:16 AM - You: 500")
    assert record.fields == {"phone": "+63 917 123 4567"}


def test_buttons_and_times_of_a_page_are_no_words_of_a_person() -> None:
    """A comment is its name and its text."""
    records = read(
        "Dexter Bagtas", "Interested po", "Like · Reply · 2h", "Vilma Sarmiento", "hm", "Like", "1d"
    )
    assert [(record.fields["name"], record.text) for record in records] == [
        ("Dexter Bagtas", "Dexter Bagtas\nInterested po"),
        ("Vilma Sarmiento", "Vilma Sarmiento\nhm"),
    ]


def test_labelled_entries_are_one_record_each() -> None:
    """A second name starts the second person, also without a blank line."""
    records = read("Pangalan: Ana Reyes", "Numero: 0917 123 4567", "Pangalan: Ben Tan", "Trabaho: driver")
    assert [record.fields for record in records] == [
        {"name": "Ana Reyes", "phone": "0917 123 4567"},
        {"name": "Ben Tan", "position": "driver"},
    ]


def test_a_pasted_sheet_is_read_by_its_columns() -> None:
    """Copied cells are separated by tabs, below their header."""
    assert [record.fields for record in read("Name\tMobile", "Ana Reyes\t0917 123 4567")] == [
        {"name": "Ana Reyes", "phone": "0917 123 4567"}
    ]


@pytest.mark.parametrize("text", ["You: hello po\nYou: promo today", "Like\nReply\n2h"])
def test_a_text_without_a_person_is_still_a_record(text: str) -> None:
    """A pasted text always has at least one record."""
    assert read(text) == [Record(0, text)]


@pytest.mark.parametrize("text", ["", "  \n ", "---"])
def test_a_text_without_a_word_has_no_record(text: str) -> None:
    """There is nothing to ask a model about."""
    assert read(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "Good Morning Everyone",
        "Extra Income — apply now",
        "Thank You — see you",
        "Zoom Meeting: 8pm",
        "Price List",
    ],
)
def test_words_that_are_capitalised_by_habit_are_no_names(line: str) -> None:
    """Such words give no person."""
    assert [rule_item(record) for record in read(line)] == [None]


@pytest.mark.parametrize(
    ("line", "people"),
    [
        (
            "Refer ko po: Ana Cruz 0917 123 4567, teacher, at si Ben Tan 0918 234 5678.",
            [
                ("Ana Cruz", "Refer ko po: Ana Cruz 0917 123 4567, teacher"),
                ("Ben Tan", "Ben Tan 0918 234 5678."),
            ],
        ),
        (
            "Ana Cruz <ana@example.com>, Ben dela Cruz <ben@example.com>",
            [
                ("Ana Cruz", "Ana Cruz <ana@example.com>"),
                ("Ben dela Cruz", "Ben dela Cruz <ben@example.com>"),
            ],
        ),
        (
            "Ana Cruz, 0917 123 4567, ana@example.com; Ben Tan, 0918 234 5678",
            [("Ana Cruz", "Ana Cruz, 0917 123 4567, ana@example.com"), ("Ben Tan", "Ben Tan, 0918 234 5678")],
        ),
    ],
)
def test_a_line_of_several_people_is_a_record_of_each(line: str, people: list[tuple[str, str]]) -> None:
    """Each record has only the words about this person; the text before the first person belongs to the first."""
    assert [(record.fields["name"], record.text) for record in read(line)] == people


@pytest.mark.parametrize(
    "line",
    [
        "Ana Cruz, 0917 123 4567, Sales Manager, ana@example.com",
        "Ana Cruz - 0917 123 4567 / 0918 234 5678 - OFW",
        "Ana Cruz 0917 123 4567 / Home Phone 02 8123 4567",
        "Ana Cruz 0917 123 4567, Makati City 02 8123 4567",
    ],
)
def test_a_second_contact_of_one_person_starts_no_other_person(line: str) -> None:
    """Neither a job nor a place is a name, and a number may have no name."""
    (record,) = read(line)
    assert (record.fields["name"], record.text) == ("Ana Cruz", line)


def test_a_long_text_is_given_in_parts_and_loses_nothing() -> None:
    """A part has at most 2,000 characters and is cut between words; each part names the person."""
    words = " ".join(f"word{number}" for number in range(1000))
    records = read("Ana Reyes - " + words)
    assert all(len(record.text) <= MAX_TEXT for record in records)
    assert {record.fields["name"] for record in records} == {"Ana Reyes"}
    assert " ".join(record.text for record in records) == "Ana Reyes - " + words


@pytest.mark.parametrize(
    "piece",
    [
        "share ",
        "like",
        "-",
        ".",
        " ",
        "\t",
        "1 ",
        "Maria ",
        "Maria Santos ",
        "Maria Santos 0917 123 4567 ",
        "Maria Santos <a@b.ph>, ",
        "Aaaaaaaaaaaa Aaaaaaaaaaaa\n",
        "a@",
        "0917 ",
        ": ",
        ";a:b",
        "\n",
        "[",
        "(",
    ],
)
def test_a_text_of_one_piece_over_and_over_is_read_at_once(piece: str) -> None:
    """Each of these would take hours if a pattern read a long line repeatedly."""
    records = list(text_records(piece * 50_000 + "!"))
    assert sum(len(record.text) for record in records) <= len(piece) * 50_000 + 1
    assert len([rule_item(record) for record in records[:3]]) <= 3


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_any_text_is_read_into_numbered_records_of_bounded_length(text: str) -> None:
    """Reading any text and scoring it by rules raises nothing."""
    records = list(text_records(text))
    assert [record.position for record in records] == list(range(len(records)))
    assert all(len(record.text) <= MAX_TEXT for record in records)
    for record in records:
        item = rule_item(record)
        assert item is None or (item.name and 50 <= item.score <= 100)
