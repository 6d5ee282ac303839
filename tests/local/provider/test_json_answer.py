"""The simulated provider's structured answers: any schema, filled from the prompt."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.provider.json_answer import fill
from local.provider.reading import Reading
from tests.local.provider.server import PROMPT, ProviderServer

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
PASTED = [
    {
        "role": "user",
        "content": "Juan Dela Cruz — kailangan ng extra income ngayon\n"
        "Ana Reyes - nag-post ng birthday photos\n"
        "Pedro de Leon — hirap sa bills, gusto ng negosyo",
    }
]


def _closed(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _ask(simulator: ProviderServer, schema: Schema, messages: object = None) -> Any:  # noqa: ANN401  # any JSON
    wanted = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    answer = json.loads(simulator.answer(messages=messages, response_format=wanted))
    jsonschema.validate(answer, schema)
    return answer


def test_message_has_every_field_of_its_schema(simulator: ProviderServer) -> None:
    """The answer has exactly two alternatives, the prospect's name in the message, and the notes in the tip."""
    schema = _closed(
        message=TEXT,
        cta=TEXT,
        alternatives={"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2},
        emotionalTone=TEXT,
        coachingTip=TEXT,
    )
    answer = _ask(simulator, schema)
    assert "Maria Santos" in answer["message"]
    assert len({answer["message"], *answer["alternatives"]}) == 3
    assert "kulang ang sahod" in answer["coachingTip"]


def test_sequence_has_as_many_steps_as_the_prompt_asks(simulator: ProviderServer) -> None:
    """«totalSteps: 4» gives four steps, numbered from one, their days rising from zero."""
    step = _closed(step={"type": "integer", "minimum": 1}, day={"type": "integer"}, message=TEXT)
    schema = _closed(steps={"type": "array", "items": step}, totalSteps={"type": "integer"})
    messages = [*PROMPT, {"role": "user", "content": "Write the sequence. totalSteps: 4"}]
    answer = _ask(simulator, schema, messages)
    assert answer["totalSteps"] == 4
    assert [item["step"] for item in answer["steps"]] == [1, 2, 3, 4]
    assert [item["day"] for item in answer["steps"]] == [0, 2, 4, 6]


def test_pasted_list_gives_one_item_a_line_with_evidence_word_for_word(simulator: ProviderServer) -> None:
    """Names and notes are copied, and the score follows the words: 50 + 8 + 10 + 12 for the first line."""
    item = _closed(
        name=TEXT,
        evidence=TEXT,
        score={"type": "integer", "minimum": 0, "maximum": 100},
        bucket={"type": "string", "enum": ["hot", "warm", "cold"]},
        painPoints={"type": "array", "items": TEXT},
    )
    answer = _ask(simulator, _closed(prospects={"type": "array", "items": item}), PASTED)
    assert [(row["name"], row["evidence"]) for row in answer["prospects"]] == [
        ("Juan Dela Cruz", "kailangan ng extra income ngayon"),
        ("Ana Reyes", "nag-post ng birthday photos"),
        ("Pedro de Leon", "hirap sa bills, gusto ng negosyo"),
    ]
    assert [(row["score"], row["bucket"]) for row in answer["prospects"]] == [
        (80, "hot"),
        (50, "warm"),
        (76, "hot"),
    ]
    assert answer["prospects"][1]["painPoints"] == []


def test_enum_takes_the_value_that_the_prompt_names(simulator: ProviderServer) -> None:
    """«tone: empathetic» has priority over the order of the options."""
    schema = _closed(tone={"type": "string", "enum": ["professional", "empathetic", "direct"]})
    messages = [{"role": "user", "content": "tone: empathetic\nName: Ana Reyes"}]
    assert _ask(simulator, schema, messages) == {"tone": "empathetic"}


def test_contact_is_copied_or_empty_never_invented(simulator: ProviderServer) -> None:
    """The e-mail address of the prompt is copied; the missing telephone number is empty."""
    messages = [{"role": "user", "content": "Name: Ana Reyes\nana.reyes@example.ph"}]
    answer = _ask(simulator, _closed(name=TEXT, email=TEXT, phone=TEXT), messages)
    assert answer == {"name": "Ana Reyes", "email": "ana.reyes@example.ph", "phone": ""}


def test_json_mode_honours_a_schema_in_the_prompt(simulator: ProviderServer) -> None:
    """A model without schema support follows the schema in the instructions."""
    schema = _closed(message=TEXT, hooks={"type": "array", "items": TEXT, "minItems": 3, "maxItems": 3})
    messages = [
        {"role": "system", "content": f"Answer in JSON by this schema:\n{json.dumps(schema)}"},
        *PROMPT[1:],
    ]
    text = simulator.answer(model="gpt-3.5-turbo", messages=messages, response_format={"type": "json_object"})
    jsonschema.validate(json.loads(text), schema)


def test_json_mode_without_a_schema_gives_some_object(simulator: ProviderServer) -> None:
    """JSON mode returns a JSON object of any shape."""
    messages = [{"role": "system", "content": "Answer in JSON."}, *PROMPT[1:]]
    answer = json.loads(simulator.answer(messages=messages, response_format={"type": "json_object"}))
    assert "Maria Santos" in answer["message"]


@pytest.mark.parametrize(
    "schema",
    [
        _closed(a={"$ref": "#/$defs/word"}) | {"$defs": {"word": TEXT}},
        _closed(a={"anyOf": [{"type": "null"}, TEXT]}),
        _closed(a={"type": ["string", "null"]}),
        _closed(a={"const": "fixed"}),
        _closed(a={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        _closed(a={"type": "integer", "minimum": 7, "multipleOf": 5}),
        _closed(a={"type": "string", "minLength": 300}, b={"type": "string", "maxLength": 5}),
        _closed(a={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
        _closed(a={"type": "string", "format": "uuid"}, b={"type": "boolean"}, c={"type": "null"}),
        _closed(a={"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2}}),
    ],
)
def test_every_kind_of_schema_is_honoured(simulator: ProviderServer, schema: Schema) -> None:
    """References, alternatives, constants, bounds, lengths, patterns and nested arrays are followed."""
    _ask(simulator, schema)


def test_recursive_schema_ends(simulator: ProviderServer) -> None:
    """The answer to a schema that refers to itself through a nullable child is finite."""
    child = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
    node = _closed(title=TEXT, child=child)
    _ask(simulator, _closed(root={"$ref": "#/$defs/node"}) | {"$defs": {"node": node}})


def _numbers(kind: str) -> st.SearchStrategy[Schema]:
    bounds = st.tuples(st.integers(-50, 50), st.integers(0, 100))
    return bounds.map(lambda pair: {"type": kind, "minimum": pair[0], "maximum": pair[0] + pair[1]})


NAMES = st.sampled_from(["name", "message", "painPoints", "score", "steps", "day", "evidence", "title", "x"])
LEAVES: st.SearchStrategy[Schema] = st.one_of(
    st.just(TEXT),
    st.integers(0, 40).map(lambda size: {"type": "string", "minLength": size, "maxLength": size + 20}),
    _numbers("integer"),
    _numbers("number"),
    st.lists(st.text(min_size=1), min_size=1, unique=True).map(lambda options: {"enum": options}),
    st.just({"type": "boolean"}),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, min_size=1).map(lambda properties: _closed(**properties)),
        st.tuples(inner, st.integers(0, 4), st.integers(0, 4)).map(
            lambda parts: {
                "type": "array",
                "items": parts[0],
                "minItems": parts[1],
                "maxItems": parts[1] + parts[2],
            }
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(schema=SCHEMAS, said=st.text())
def test_answer_is_valid_for_any_schema_and_any_prompt(schema: Schema, said: str) -> None:
    """The answer validates for any schema and any text."""
    for messages in ([{"role": "user", "content": said}], PASTED):
        jsonschema.validate(fill(schema, Reading.of(messages)), schema)
