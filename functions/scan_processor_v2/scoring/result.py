"""The people of a block: the model's, checked, and by rules those that it left out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from functions.scan_processor_v2.reading.details import details_of
from functions.scan_processor_v2.reading.record import Item, Record
from functions.scan_processor_v2.reading.text import text_records
from functions.scan_processor_v2.scoring.answer import AnsweredProspect
from functions.scan_processor_v2.scoring.evidence import verified
from functions.scan_processor_v2.scoring.rules import rule_items


class Results(NamedTuple):
    """The people of a block in the order of its records; how many told values were dropped; how many rules told."""

    items: list[Item]
    dropped: int
    by_rules: int


def results(prospects: Iterable[AnsweredProspect], records: Sequence[Record]) -> Results:
    """Return the people of a block that the model answered. Never raises.

    A record for which it told nothing valid keeps its rule result; the only person of a record gets the contacts that
    rules have read there.
    """
    items, dropped = verified(prospects, records)
    told: dict[int, list[Item]] = {record.position: [] for record in records}
    for item in items:
        told[item.position].append(item)
    together: list[Item] = []
    by_rules = 0
    for record in records:
        people = told[record.position]
        left_out = [] if people else _by_rules(record)
        by_rules += len(left_out)
        together += [_filled(people[0], record)] if len(people) == 1 else people or left_out
    return Results(together, dropped, by_rules)


def _by_rules(record: Record) -> list[Item]:
    """Return the people of a record by rules; what was read in an image is a text of many lines."""
    if record.source != "image":
        return rule_items([record])
    return [replace(item, position=record.position) for item in rule_items(text_records(record.text))]


def _filled(item: Item, record: Record) -> Item:
    """Return the person with the contacts of the record that the model did not tell."""
    found = details_of(record).found
    missing = [
        name for name in ("email", "phone", "company") if name in found and getattr(item, name) is None
    ]
    values: dict[str, Any] = {name: found[name].value for name in missing}
    spans = {name: found[name].words for name in missing}
    return replace(item, evidence={**item.evidence, **spans}, **values)
