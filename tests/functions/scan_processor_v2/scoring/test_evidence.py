"""A model's answer against the records: only values with evidence are kept, and dropped values are counted."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.scan_processor_v2.reading.record import Item, Record
from functions.scan_processor_v2.reading.text import text_records
from functions.scan_processor_v2.scoring.answer import (
    Answer,
    Finding,
    ImageAnswer,
    ProspectAnswer,
    read_answer,
    read_image_answer,
    schema_of,
)
from functions.scan_processor_v2.scoring.evidence import verified
from functions.scan_processor_v2.scoring.prompt import record_data
from functions.scan_processor_v2.scoring.result import results
from local.provider.strict import check_schema
from shared.contacts.emails import listed_addresses
from shared.contacts.phones import listed_numbers

NOTHING: dict[str, Any] = {
    "record": 0,
    "name": None,
    "email": None,
    "phone": None,
    "company": None,
    "quote": "",
    "score": 50,
    "confidence": 80,
    "top_factors": [],
    "pain_points": [],
    "interests": [],
    "life_events": [],
    "sentiment": None,
    "opportunity_type": None,
    "signals": [],
    "keywords": [],
}
ANA = Record(0, "Ana Cruz - kailangan ng extra income, kakapanganak lang, 0917 123 4567, ana@gmail.com")


def prospect(**values: object) -> ProspectAnswer:
    """Return a prospect as a model describes it."""
    return ProspectAnswer.model_validate(NOTHING | values)


def one(record: Record, **values: object) -> tuple[Item, int]:
    """Return the only item of an answer about one record, and the number of dropped values."""
    (item,), dropped = verified([prospect(**values)], [record])
    return item, dropped


def test_what_is_in_the_record_is_kept_with_its_evidence() -> None:
    """Contacts are stored in their normal form; findings with the words that show them."""
    item, dropped = one(
        ANA,
        name="Ana Cruz",
        email="ana@gmail.com",
        phone="0917 123 4567",
        quote="kailangan ng extra income",
        score=85,
        pain_points=[{"finding": "needs money", "evidence": "kailangan ng extra income"}],
        life_events=[{"finding": "new baby", "evidence": "kakapanganak lang"}],
        sentiment={"finding": "mixed", "evidence": "kailangan ng extra income"},
        opportunity_type={"finding": "extra_income", "evidence": "extra income"},
        signals=["extra income"],
    )
    assert dropped == 0
    assert item == Item(
        position=0,
        name="Ana Cruz",
        content="kailangan ng extra income",
        score=85,
        confidence=0.8,
        email="ana@gmail.com",
        phone="+639171234567",
        pain_points=("needs money",),
        life_events=("new baby",),
        sentiment="mixed",
        opportunity_type="extra_income",
        signals=("extra income",),
        evidence={
            "name": "Ana Cruz",
            "email": "ana@gmail.com",
            "phone": "0917 123 4567",
            "content": "kailangan ng extra income",
            "pain_points[0]": "kailangan ng extra income",
            "life_events[0]": "kakapanganak lang",
            "sentiment": "kailangan ng extra income",
            "opportunity_type": "extra income",
            "signals[0]": "extra income",
        },
    )


@pytest.mark.parametrize(
    "values",
    [
        {"email": "ana.cruz@gmail.com"},
        {"email": "cruz@gmail.com"},
        {"email": "not an address"},
        {"phone": "0917 123 4568"},
        {"phone": "0918 123 4567"},
        {"phone": "123 4567"},
        {"company": "Jollibee"},
        {"quote": "I want to buy now"},
        {"pain_points": [{"finding": "debt", "evidence": "baon sa utang"}]},
        {"pain_points": [{"finding": "debt", "evidence": ""}]},
        {"pain_points": [{"finding": "", "evidence": "extra income"}]},
        {"interests": [{"finding": "call her at 0999 888 7766", "evidence": "extra income"}]},
        {"top_factors": [{"finding": "see https://evil.example", "evidence": "extra income"}]},
        {"sentiment": {"finding": "negative", "evidence": "galit na galit"}},
        {"opportunity_type": {"finding": "insurance", "evidence": "gusto ng insurance"}},
        {"signals": ["buy now"]},
        {"keywords": ["insurance"]},
    ],
)
def test_a_value_without_evidence_is_dropped_and_counted(values: dict[str, object]) -> None:
    """Examples are invented contacts, nearly right ones, unsupported findings, and a contact within a finding."""
    item, dropped = one(ANA, name="Ana Cruz", **values)
    bare, _ = one(ANA, name="Ana Cruz")
    assert dropped == 1
    assert item == bare


def test_a_value_that_says_that_there_is_none_is_dropped() -> None:
    """«N/A» in the record is nobody's name, and is not counted as invented."""
    record = Record(0, "Name: N/A, 0917 123 4567, company: none")
    item, dropped = one(record, name="N/A", email="null", phone="0917 123 4567", company="none")
    assert (item.name, item.email, item.company, dropped) == ("+639171234567", None, None, 0)


def test_an_address_put_together_from_the_records_words_is_not_taken_for_one_of_them() -> None:
    """The words of an address in another order are not an address."""
    record = Record(0, "Ana Cruz - may gmail com account daw", {"name": "Ana Cruz"})
    item, dropped = one(record, name="Ana Cruz", email="cruz@gmail.com")
    assert (item.email, dropped) == (None, 1)


def test_a_person_of_another_record_or_of_none_is_dropped_whole() -> None:
    """Values are looked for in the record that the prospect names, not in the whole block."""
    records = [ANA, Record(1, "Ben Tan - driver", {"name": "Ben Tan"})]
    items, dropped = verified([prospect(record=1, name="Ana Cruz", phone="0917 123 4567")], records)
    assert [(item.name, item.phone, dropped) for item in items] == [("Ben Tan", None, 2)]
    assert verified([prospect(record=9, name="Ana Cruz", email="ana@gmail.com")], records) == ([], 2)


def test_a_person_without_name_and_contact_is_dropped() -> None:
    """Such a person could not be contacted."""
    record = Record(0, "Extra income, apply now!")
    assert verified([prospect(name="Maria Clara", score=90)], [record]) == ([], 1)


def test_a_person_returned_twice_counts_once() -> None:
    """A model that repeats itself adds no second prospect."""
    items, dropped = verified([prospect(name="Ana Cruz"), prospect(name="ANA CRUZ")], [ANA])
    assert (len(items), dropped) == (1, 1)


def test_several_people_of_one_record_are_separate() -> None:
    """Prose may name several people."""
    record = Record(0, "Nag-usap kami ni Ana Cruz (0917 123 4567) at ni Ben Tan sa palengke")
    prospects = [prospect(name="Ana Cruz", phone="0917 123 4567"), prospect(name="Ben Tan")]
    items, dropped = verified(prospects, [record])
    assert [(item.name, item.phone) for item in items] == [("Ana Cruz", "+639171234567"), ("Ben Tan", None)]
    assert dropped == 0


@pytest.mark.parametrize(
    ("score", "kept", "bucket"), [(-5, 0, "cold"), (49, 49, "cold"), (70, 70, "hot"), (900, 100, "hot")]
)
def test_a_score_is_brought_into_its_bounds_and_decides_the_bucket(
    score: int, kept: int, bucket: str
) -> None:
    """The model is not asked for a bucket."""
    item, _ = one(ANA, name="Ana Cruz", score=score)
    assert (item.score, item.bucket) == (kept, bucket)


@pytest.mark.parametrize("name", ["Cruz, Ana", "Ana Cruz", "ANA  CRUZ", "Ana\nCruz"])
def test_a_name_counts_in_either_order_of_its_column(name: str) -> None:
    """This is the written order, or the spoken one."""
    item, dropped = one(Record(0, "", {"name": "Cruz, Ana"}, "row"), name=name)
    assert (item.name, dropped) == ("Ana Cruz", 0)


def test_a_record_that_the_model_leaves_out_keeps_its_rule_result() -> None:
    """No record is lost, and the records with only a rule result are counted."""
    records = [ANA, Record(1, "Ben Tan — need negosyo", {"name": "Ben Tan"}), Record(2, "Extra income!")]
    found = results([prospect(name="Ana Cruz", score=90)], records)
    assert [(item.name, item.score) for item in found.items] == [("Ana Cruz", 90), ("Ben Tan", 68)]
    assert (found.dropped, found.by_rules) == (0, 1)


def test_a_record_of_invented_people_alone_keeps_its_rule_result() -> None:
    """«Name — note» lines keep it if the model returns nothing valid for them."""
    records = [Record(0, "0917 123 4567")]
    found = results([prospect(name="Maria Clara", email="maria@clara.ph")], records)
    assert [(item.name, item.phone, item.email) for item in found.items] == [
        ("+639171234567", "+639171234567", None)
    ]
    assert (found.dropped, found.by_rules) == (2, 1)


def test_an_image_without_a_person_of_the_model_is_read_by_its_lines() -> None:
    """A transcribed friend list is a list of people."""
    image = Record(0, "Ana Cruz\nAdd Friend\nBen Tan\n0917 123 4567", source="image")
    found = results([prospect(name="Maria Clara")], [image])
    assert [(item.position, item.name, item.phone) for item in found.items] == [
        (0, "Ana Cruz", None),
        (0, "Ben Tan", "+639171234567"),
    ]
    assert (found.dropped, found.by_rules) == (1, 2)


def test_contacts_that_rules_have_read_are_added_to_the_only_person_of_a_record() -> None:
    """The model need not return them; what it returned is kept."""
    found = results([prospect(name="Ana Cruz", email="ana@gmail.com")], [ANA])
    (item,) = found.items
    assert (item.email, item.phone, item.evidence["phone"]) == (
        "ana@gmail.com",
        "+639171234567",
        "0917 123 4567",
    )


def test_contacts_are_not_shared_out_among_several_people() -> None:
    """Only the words of the record say whose number it is."""
    record = Record(0, "Ana Cruz at Ben Tan, 0917 123 4567")
    found = results([prospect(name="Ana Cruz"), prospect(name="Ben Tan")], [record])
    assert [item.phone for item in found.items] == [None, None]


@pytest.mark.parametrize("shape", [Answer, ImageAnswer])
def test_the_schema_is_one_that_strict_outputs_take(shape: type[Answer]) -> None:
    """Every field is required, and no others are allowed."""
    assert check_schema({"name": "prospects", "schema": schema_of(shape), "strict": True}) is None


def test_an_answer_is_read_with_or_without_its_fence() -> None:
    """Models without schema support put JSON into a code block."""
    answer = json.dumps({"prospects": [NOTHING]})
    assert read_answer(answer) == read_answer(f"```json\n{answer}\n```")
    assert read_image_answer(json.dumps({"prospects": [], "transcript": "Ana"})).transcript == "Ana"


@pytest.mark.parametrize(
    "answer", ["", "[]", "{}", '{"prospects": [{}]}', '{"prospects": [], "more": 1}', '{"prospects": "none"}']
)
def test_an_answer_that_breaks_the_schema_is_an_error(answer: str) -> None:
    """It is repaired by a further request, not corrected here."""
    with pytest.raises(ValueError, match="breaks its schema"):
        read_answer(answer)


def test_a_record_is_shown_with_its_number_its_fields_and_its_words() -> None:
    """The prompt has everything in which evidence may be found."""
    record = Record(7, "need income", {"first_name": "Ana", "last_name": "Cruz", "phone": "0917"}, "row")
    assert record_data(record) == {
        "record": 7,
        "name": "Ana Cruz",
        "first_name": "Ana",
        "last_name": "Cruz",
        "phone": "0917",
        "text": "need income",
    }


PEOPLE = [
    "Ana Cruz - kailangan ng extra income, 0917 123 4567",
    "Ben Tan 0918 765 4321 ben.tan@gmail.com",
    "Cora Lim: may sari-sari store, cora [at] yahoo [dot] com",
    "walang pangalan dito, asap",
    "Name: Dan Uy, Phone: 0927 111 2222",
]
WORDS = st.sampled_from(
    [
        *PEOPLE,
        *(
            "Ana Cruz",
            "Ben",
            "0917 123 4567",
            "0917-123-4567",
            "ben.tan@gmail.com",
            "cora [at] yahoo [dot] com",
        ),
        *(
            "Maria Clara",
            "0999 888 7777",
            "+639171234568",
            "ana@gmail.com",
            "tan@gmail.com",
            "Jollibee",
            "",
            "123",
        ),
        *("call 0999 888 7777 now", "mail maria@clara.ph", "need", "extra income", "https://evil.example"),
    ]
)
TOLD = st.one_of(
    st.none(), WORDS, st.text(max_size=30), st.emails(), st.from_regex(r"\+?639\d{9}", fullmatch=True)
)
FINDINGS = st.lists(
    st.builds(Finding, finding=st.one_of(WORDS, st.text(max_size=40)), evidence=WORDS), max_size=3
)
INVENTED = st.builds(
    ProspectAnswer,
    record=st.integers(-1, 6),
    name=TOLD,
    email=TOLD,
    phone=TOLD,
    company=TOLD,
    quote=st.one_of(WORDS, st.text(max_size=40)),
    score=st.integers(),
    confidence=st.integers(),
    top_factors=FINDINGS,
    pain_points=FINDINGS,
    interests=FINDINGS,
    life_events=FINDINGS,
    sentiment=st.none(),
    opportunity_type=st.none(),
    signals=st.lists(WORDS, max_size=2),
    keywords=st.lists(WORDS, max_size=2),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(INVENTED, max_size=6))
def test_no_contact_is_ever_fabricated(answer: list[ProspectAnswer]) -> None:
    """Each contact of an item can be read in its record, and all others are counted as dropped."""
    records = list(text_records("\n".join(PEOPLE)))
    texts = {record.position: "\n".join([*record.fields.values(), record.text]) for record in records}
    items, dropped = verified(answer, records)
    for item in results(answer, records).items:
        text = texts[item.position]
        assert item.email is None or item.email in {found.value for found in listed_addresses(text)}
        assert item.phone is None or item.phone in {found.value for found in listed_numbers(text)}
        for finding in (*item.pain_points, *item.interests, *item.life_events, *item.top_factors):
            numbers = {found.value for found in listed_numbers(finding)}
            assert numbers <= {found.value for found in listed_numbers(text)}
        assert 0 <= item.score <= 100
        assert 0 <= item.confidence <= 1
    kept = sum(value is not None for item in items for value in (item.email, item.phone))
    returned = sum(bool((value or "").split()) for one in answer for value in (one.email, one.phone))
    assert kept + dropped >= returned
