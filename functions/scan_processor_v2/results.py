"""The people of a block: the model's, checked, and by rules those that it left out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from functions.scan_processor_v2.answers import AnsweredProspect
from functions.scan_processor_v2.details import details_of
from functions.scan_processor_v2.evidence import verified
from functions.scan_processor_v2.records import Item, Record
from functions.scan_processor_v2.scoring import rule_item


class Results(NamedTuple):
    """The people of a block in the order of its records; how many told values were dropped; how many rules told."""

    items: list[Item]
    dropped: int
    by_rules: int


def results(prospects: Iterable[AnsweredProspect], records: Sequence[Record]) -> Results:
    """Give the people of a block that the model answered. Never raises.

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
        left_out = rule_item(record) if not people else None
        by_rules += left_out is not None
        together += people if left_out is None else [left_out]
        if len(people) == 1:
            together[-1] = _filled(people[0], record)
    return Results(together, dropped, by_rules)


def _filled(item: Item, record: Record) -> Item:
    """Give the person with the contacts of the record that the model did not tell."""
    found = details_of(record).found
    missing = [
        name for name in ("email", "phone", "company") if name in found and getattr(item, name) is None
    ]
    values: dict[str, Any] = {name: found[name].value for name in missing}
    spans = {name: found[name].words for name in missing}
    return replace(item, evidence={**item.evidence, **spans}, **values)
