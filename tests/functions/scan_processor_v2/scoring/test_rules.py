"""Scores by rules: the points of the old code, calculated by hand."""

import pytest

from functions.scan_processor_v2.reading.record import Record
from functions.scan_processor_v2.scoring.rules import rule_item, rule_items


def points(text: str) -> tuple[int, float, str]:
    """Return score, confidence and bucket of a person with this text."""
    item = rule_item(Record(0, text, {"name": "Ana Cruz"}, "row"))
    assert item is not None
    return item.score, item.confidence, item.bucket


@pytest.mark.parametrize(
    ("text", "score", "confidence", "bucket"),
    [
        ("", 50, 0.70, "warm"),
        ("mahilig sa pusa", 50, 0.70, "warm"),
        ("kailangan ng pera", 58, 0.75, "warm"),
        ("hirap at kulang ang pera", 66, 0.75, "warm"),
        ("gusto ng extra income", 60, 0.75, "warm"),
        ("asap", 62, 0.75, "warm"),
        ("need extra income", 68, 0.80, "warm"),
        ("need extra income ngayon", 80, 0.85, "hot"),
        ("gusto ng negosyo, online, wfh", 80, 0.75, "hot"),
        ("utang, utang, utang", 58, 0.75, "warm"),
        (
            "kailangan need hirap kulang gastos bills utang pagod stress takot extra income side hustle asap urgent",
            100,
            0.85,
            "hot",
        ),
    ],
)
def test_points_add_up_as_in_the_table(text: str, score: int, confidence: float, bucket: str) -> None:
    """50, plus 8 a pain word, 10 an opportunity word, 12 an urgency word, at most 100; each word counts once."""
    assert points(text) == (score, confidence, bucket)


@pytest.mark.parametrize("text", ["I know a place", "as soonest", "knowledgeable", "indeed", "snow"])
def test_english_words_count_only_as_whole_words(text: str) -> None:
    """«now» is not found in «know»."""
    assert points(text)[0] == 50


@pytest.mark.parametrize(
    "text", ["nahihirapan po ako", "nangangailangan? kailangang-kailangan", "baon sa utang-utang"]
)
def test_tagalog_roots_count_in_their_forms(text: str) -> None:
    """A root is found inside the forms that people use."""
    assert points(text)[0] == 58


def test_every_factor_has_the_words_that_show_it() -> None:
    """Evidence is the form of the word in the record."""
    item = rule_item(Record(7, "Nahihirapan na, need ng EXTRA INCOME asap", {"name": "Ana Cruz"}, "row"))
    assert item is not None
    assert item.pain_points == ("need", "hirap")
    assert item.signals == ("extra income", "asap")
    assert item.top_factors == ("pain: need", "pain: hirap", "opportunity: extra income", "urgency: asap")
    assert item.evidence == {
        "name": "Ana Cruz",
        "pain_points[0]": "need",
        "pain_points[1]": "Nahihirapan",
        "signals[0]": "EXTRA INCOME",
        "signals[1]": "asap",
        "keywords[0]": "need",
        "keywords[1]": "Nahihirapan",
        "keywords[2]": "EXTRA INCOME",
        "keywords[3]": "asap",
        "top_factors[0]": "need",
        "top_factors[1]": "Nahihirapan",
        "top_factors[2]": "EXTRA INCOME",
        "top_factors[3]": "asap",
    }


def test_contacts_have_their_normal_form_and_the_words_they_were_read_from() -> None:
    """The phone is in E.164, the address as the standard writes it."""
    item = rule_item(Record(0, "Ana Cruz - 0917 123 4567, ana [at] gmail [dot] com", {"name": "Ana Cruz"}))
    assert item is not None
    assert (item.phone, item.email) == ("+639171234567", "ana@gmail.com")
    assert item.evidence == {
        "name": "Ana Cruz",
        "phone": "0917 123 4567",
        "email": "ana [at] gmail [dot] com",
    }


def test_a_person_without_a_name_is_called_by_the_contact() -> None:
    """A number without a name is still a prospect."""
    item = rule_item(Record(0, "", {"phone": "09171234567"}, "row"))
    assert item is not None
    assert (item.name, item.phone) == ("+639171234567", "+639171234567")


def test_a_record_without_a_person_gives_no_item() -> None:
    """Without a name and a contact there is no item."""
    records = [
        Record(0, "extra income asap"),
        Record(1, "Order no. 09171234567 paid"),
        Record(2, "", {}, "image"),
    ]
    assert rule_items(records) == []


@pytest.mark.parametrize(
    "cell", ["'+639171234567", "9171234567", "639171234567", "p:+639171234567", '=""09171234567""']
)
def test_a_number_that_a_sheet_has_mangled_is_still_read(cell: str) -> None:
    """Lost zeros, lost plus signs and guards against formulas do not lose the contact."""
    item = rule_item(Record(0, "", {"name": "Ana Cruz", "phone": cell}, "row"))
    assert item is not None
    assert item.phone == "+639171234567"


@pytest.mark.parametrize("cell", ["n/a", "-", "none", "9.17E+09", "12345", "wala"])
def test_a_cell_that_is_no_number_gives_none(cell: str) -> None:
    """Digits that a sheet has lost are not guessed."""
    item = rule_item(Record(0, "", {"name": "Ana Cruz", "phone": cell}, "row"))
    assert item is not None
    assert item.phone is None


def test_the_number_of_another_person_in_a_message_is_not_the_writers() -> None:
    """In a chat the writer's words decide; in a list the line does."""
    text = "tawagan nyo asawa ko, number nya 0917 975 8642"
    chat = rule_item(Record(0, text, {"name": "Ana Cruz"}, "message"))
    line = rule_item(Record(0, "Ana Cruz - number nya 0917 975 8642", {"name": "Ana Cruz"}, "line"))
    assert chat is not None
    assert line is not None
    assert (chat.phone, line.phone) == (None, "+639179758642")
