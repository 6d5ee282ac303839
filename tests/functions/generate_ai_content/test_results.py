"""Checks of a result beyond its schema: order, counts, and evidence in the shown data."""

import json
from typing import Any

import pytest

from functions.generate_ai_content.content_types import CONTENT_TYPES
from functions.generate_ai_content.content_types.content_task import ContentTask
from shared.ai import Material
from shared.ai.prompt.evidence import Evidence
from shared.ai.prompt.model_json import bare, object_of
from shared.supabase.configuration import Configuration

PROSPECT_ID = "d0000000-0000-4000-8000-000000000001"
RECORD = {
    "full_name": "Maria Santos",
    "pipeline_stage": "engage",
    "buying_intent_score": 82,
    "metadata": {
        "notes": "Nag-comment: “kailangan ko talaga ng extra income”. May dalawang anak.",
        "tags": ["nanay"],
    },
}


def task_of(**body: object) -> ContentTask[Any, Any]:
    """Return a task whose prompt has been built about Maria."""
    content = CONTENT_TYPES[str(body["generationType"])]
    task = content(content.request_model.model_validate({"prospectId": PROSPECT_ID, **body}))
    task.messages(Material(Configuration("d0000000-0000-4000-8000-0000000000ff", 1, {}), RECORD))
    return task


def steps(*numbers_and_days: tuple[int, int], cta: str | None = "Free ka ba?") -> str:
    """Return a sequence as a model writes it."""
    return json.dumps(
        {
            "steps": [
                {"step": step, "day": day, "subject": "Hi", "message": "Kumusta?", "cta": cta}
                for step, day in numbers_and_days
            ]
        }
    )


def test_a_sequence_in_order_is_given_as_an_object() -> None:
    """A step without a call to action has none in the result."""
    task = task_of(generationType="sequence", totalSteps=3, sequenceType="close")
    sequence = task.parse(steps((1, 0), (2, 3), (3, 7), cta=None))["sequence"]
    assert (sequence["totalSteps"], sequence["sequenceType"]) == (3, "close")
    assert sequence["steps"][2] == {"step": 3, "day": 7, "subject": "Hi", "message": "Kumusta?"}


@pytest.mark.parametrize(
    "broken",
    [
        steps((1, 0), (2, 3)),
        steps((1, 0), (2, 3), (3, 7), (4, 9)),
        steps((1, 0), (2, 3), (4, 7)),
        steps((2, 0), (3, 3), (4, 7)),
        steps((1, 1), (2, 3), (3, 7)),
        steps((1, 0), (2, 3), (3, 3)),
        steps((1, 0), (2, 7), (3, 3)),
        steps((1, 0), (2, 3), (3, 7)).replace("Kumusta?", ""),
        steps((1, 0), (2, 3), (3, 7)).replace('"day": 3', '"day": "3"'),
        steps((1, 0), (2, 3), (3, 7)).replace('"day": 3', '"day": 3, "mood": "warm"'),
    ],
    ids=["short", "long", "gap", "from two", "from day one", "same day", "day falls", "empty", "text", "extra"],
)  # fmt: skip
def test_a_sequence_out_of_order_is_broken(broken: str) -> None:
    """There must be exactly the requested steps, numbered from 1, with increasing days from 0."""
    with pytest.raises(ValueError, match=r"\w"):
        task_of(generationType="sequence", totalSteps=3).parse(broken)


@pytest.mark.parametrize("numbers", [range(1, 7), range(1, 9), range(2, 9), [1, 2, 3, 4, 5, 7, 6]])
def test_a_deck_out_of_order_is_broken(numbers: Any) -> None:  # noqa: ANN401  # ranges and lists
    """There must be seven slides, numbered from 1."""
    slides = [{"slide": n, "title": "T", "content": "C", "bullets": None} for n in numbers]
    with pytest.raises(ValueError, match="slides"):
        task_of(generationType="deck").parse(json.dumps({"slides": slides}))


def scan(**fields: object) -> str:
    """Return a deep scan as a model writes it, with one true finding in every list."""
    true = {"finding": "Needs money", "evidence": "kailangan ko talaga ng extra income"}
    lists = (
        "painPoints",
        "interests",
        "financialSignals",
        "lifeEvents",
        "buyingIndicators",
        "topOpportunities",
    )
    whole = {
        "scoutScore": {"score": 71, "evidence": [true["evidence"]]},
        "confidence": 60,
        "personality": true,
        **{name: [true] for name in lists},
        "recommendedApproach": true,
    }
    return json.dumps({**whole, **fields})


def test_a_finding_whose_evidence_is_not_in_the_record_is_dropped() -> None:
    """The supported finding is kept, with its span."""
    made_up = {"finding": "Has debts", "evidence": "may utang sa five-six"}
    true = {"finding": "Has two children", "evidence": "May dalawang anak"}
    output = task_of(generationType="deep_scan").parse(
        scan(lifeEvents=[made_up, true], personality=made_up, recommendedApproach=None)
    )
    assert (output["lifeEvents"], output["evidence"]["lifeEvents"]) == (
        ["Has two children"],
        ["May dalawang anak"],
    )
    assert (output["personality"], output["evidence"]["personality"]) == (None, [])
    assert (output["recommendedApproach"], output["evidence"]["recommendedApproach"]) == (None, [])
    assert (output["painPoints"], output["confidence"]) == (["Needs money"], 60)


def test_a_score_keeps_the_spans_that_are_true() -> None:
    """Without any true span the result is broken."""
    task = task_of(generationType="deep_scan")
    half = scan(scoutScore={"score": 71, "evidence": ["invented words here", "buying_intent_score: 82"]})
    assert task.parse(half)["evidence"]["scoutScore"] == ["buying_intent_score: 82"]
    with pytest.raises(ValueError, match="evidence of the score"):
        task.parse(scan(scoutScore={"score": 71, "evidence": ["invented words here"]}))


def test_what_was_pasted_is_material_as_the_record_is() -> None:
    """Pasted text counts as evidence, as the record does; the caller's product name does not."""
    task = task_of(generationType="deep_scan", context="Uuwi siya sa Pebrero.", productName="Sigla Barley 30")
    coming = {"finding": "Comes home", "evidence": "uuwi siya sa pebrero"}
    offered = {"finding": "Likes barley", "evidence": "Sigla Barley 30"}
    assert task.parse(scan(lifeEvents=[coming], interests=[offered]))["lifeEvents"] == ["Comes home"]
    assert task.parse(scan(lifeEvents=[coming], interests=[offered]))["interests"] == []


@pytest.mark.parametrize(
    ("score", "bucket"), [(0, "cold"), (49, "cold"), (50, "warm"), (69, "warm"), (70, "hot"), (100, "hot")]
)
def test_the_bucket_follows_the_score(score: int, bucket: str) -> None:
    """Hot starts at 70, warm at 50."""
    given = scan(scoutScore={"score": score, "evidence": ["extra income"]})
    assert task_of(generationType="deep_scan").parse(given)["bucket"] == bucket


@pytest.mark.parametrize(
    ("quote", "holds"),
    [
        ("kailangan ko talaga ng extra income", True),
        ("“Kailangan ko TALAGA ng  extra income”", True),
        ("nag comment", True),
        ("82", True),
        ("pipeline_stage: engage", True),
        ("nanay", True),
        ("pipeline_stage", False),
        ("kailangan ko ng extra income", False),
        ("income. May dalawang", True),
        ("ilangan ko", False),
        ("engage nanay", False),
        ("8", False),
        ("", False),
        ("…", False),
        ("null", False),
    ],
)
def test_evidence_is_whole_words_of_one_value(quote: str, *, holds: bool) -> None:
    """Case, punctuation and spacing are ignored; labels, parts of words and joined values are no evidence."""
    assert Evidence(RECORD | {"tags": None}).holds(quote) is holds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": [1, 2]}\n```', {"a": [1, 2]}),
        ('``` {"a": "x"} ```', {"a": "x"}),
        ('{"a": "x\\u0000y"}', {"a": "xy"}),
    ],
)
def test_an_object_is_found_in_what_a_model_wrote(text: str, expected: dict[str, Any]) -> None:
    """The object is found without its code fence, and without characters that the database cannot store."""
    assert object_of(text) == expected


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '"text"', '{"a": NaN}', '{"a": 1', "Here it is: {}", '{"a": "\\ud800"}']
)
def test_what_is_no_object_with_fields_is_broken(text: str) -> None:
    """No part of it is passed on."""
    with pytest.raises(ValueError, match=r"\w"):
        object_of(text)


def test_plain_json_is_left_as_it_is() -> None:
    """Only code fences and null characters are changed."""
    assert bare('{"a": "```json"}') == '{"a": "```json"}'
