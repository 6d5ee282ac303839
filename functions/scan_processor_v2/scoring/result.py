"""The people of a block: checked ones of the model, and by rules those that it omitted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from functions.scan_processor_v2.reading.details import details_of
from functions.scan_processor_v2.reading.record import Item, Record
from functions.scan_processor_v2.reading.text import text_records
from functions.scan_processor_v2.scoring.answer import ProspectAnswer
from functions.scan_processor_v2.scoring.evidence import verified
from functions.scan_processor_v2.scoring.rules import rule_items


class Results(NamedTuple):
    """The people of a block in the order of its records, the number of dropped values, and of people by rules."""

    items: list[Item]
    dropped: int
    by_rules: int


def results(prospects: Iterable[ProspectAnswer], records: Sequence[Record]) -> Results:
    """Return the people of a block from the model's answer. Never raises.

    A record without a valid person gets its people by rules; the only person of a record also gets the contacts that
    rules have read there.
    """
    items, dropped = verified(prospects, records)
    by_record: dict[int, list[Item]] = {record.position: [] for record in records}
    for item in items:
        by_record[item.position].append(item)
    items_in_order: list[Item] = []
    by_rules = 0
    for record in records:
        people = by_record[record.position]
        omitted = [] if people else _by_rules(record)
        by_rules += len(omitted)
        items_in_order += [_filled(people[0], record)] if len(people) == 1 else people or omitted
    return Results(items_in_order, dropped, by_rules)


def _by_rules(record: Record) -> list[Item]:
    """Return the people of a record by rules; a transcript is read as a text of many lines."""
    if record.source != "image":
        return rule_items([record])
    return [replace(item, position=record.position) for item in rule_items(text_records(record.text))]


def _filled(item: Item, record: Record) -> Item:
    """Return the person with the contacts of the record that the model omitted."""
    found = details_of(record).found
    missing = [
        name for name in ("email", "phone", "company") if name in found and getattr(item, name) is None
    ]
    values: dict[str, Any] = {name: found[name].value for name in missing}
    spans = {name: found[name].words for name in missing}
    return replace(item, evidence={**item.evidence, **spans}, **values)
