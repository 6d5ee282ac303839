"""Contacts and names in hand-written inputs: scores of the rules beside the old expressions."""

import phonenumbers
import pytest

from shared.contacts.emails import valid_address
from tests.functions.scan_processor_v2.labels.scores import (
    FIELDS,
    Part,
    inputs,
    linked,
    our_rules,
    plain_regexes,
    score,
    table,
)

PARTS: list[list[Part]] = [["tuning"], ["held_out"], ["tuning", "held_out"]]


@pytest.mark.parametrize("parts", PARTS)
def test_contacts_and_names_reach_their_scores(parts: list[Part]) -> None:
    """With rules alone, e-mail F1 is 0.99 and phone F1 0.97, over all inputs and over those not used for tuning."""
    given = inputs(*parts)
    people = sum(len(one.expected) for one in given)
    print(f"\n{parts}, {len(given)} inputs, {people} people\n{table(given)}")  # noqa: T201  # the figures are the point
    assert score(our_rules, "email", given).f1 >= 0.99
    assert score(our_rules, "phone", given).f1 >= 0.97
    assert score(our_rules, "name", given).precision >= 0.95


def test_the_inputs_are_enough_and_some_are_held_out() -> None:
    """There are at least 150 people, in text and in CSV, and no input twice."""
    given = inputs()
    assert sum(len(one.expected) for one in given) >= 150
    assert sum(len(one.expected) for one in inputs("held_out")) >= 25
    assert {one.kind for one in inputs("held_out")} == {"text", "csv"}
    assert len({one.text for one in given}) == len(given)


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_the_rules_beat_the_expression_they_replace(part: Part) -> None:
    """On the same inputs the old expressions find fewer names and fewer whole people."""
    given = inputs(part)
    assert score(our_rules, "name", given).f1 > score(plain_regexes, "name", given).f1
    assert linked(our_rules, given).f1 > linked(plain_regexes, given).f1


def test_every_expected_phone_and_address_is_valid_by_its_standard() -> None:
    """The expected values in the file are themselves valid."""
    for one in inputs():
        for person in one.expected:
            assert set(person) <= set(FIELDS)
            if "phone" in person:
                assert phonenumbers.is_valid_number(phonenumbers.parse(person["phone"]))
            if "email" in person:
                assert valid_address(person["email"]) == person["email"]
