"""A provider that invents people and contacts: none of them is stored, and each invented value is counted."""

import json
import random
from typing import Any

import pytest

from tests.books import Books
from tests.conftest import Database, NewUser
from tests.functions.scan_processor_v2.scan_api import ScanApi, new_scan
from tests.provider import Provider

TEXT = "Ana Cruz - hirap sa bills, 0917 123 4567\nBen Tan - OFW, ben.tan@gmail.com\nCora Lim - may tindahan"
TRUE = {"Ana Cruz": (None, "+639171234567"), "Ben Tan": ("ben.tan@gmail.com", None), "Cora Lim": (None, None)}
NOTHING = {
    "quote": "",
    "score": 90,
    "confidence": 100,
    "company": None,
    "top_factors": [],
    "pain_points": [],
    "interests": [],
    "life_events": [],
    "sentiment": None,
    "opportunity_type": None,
    "signals": [],
    "keywords": [],
}


def invented(dice: random.Random, record: int) -> dict[str, Any]:
    """Return an invented contact, similar to a true one or not: an address, a number and a company of no record."""
    return {
        "email": f"{dice.choice(['ana', 'ben', 'ben.tan', 'cora.lim'])}{dice.randrange(100)}@gmail.com",
        "phone": f"09{dice.randrange(18, 40)} {dice.randrange(100, 999)} {dice.randrange(1000, 9999)}",
        "company": dice.choice(["Sun Life", "Ayala Land", "Jollibee Foods"]),
        "record": record,
    }


def answer(dice: random.Random) -> tuple[list[dict[str, Any]], int]:
    """Return the provider's answer about three people and further invented ones, and the number of invented values."""
    known = [NOTHING | invented(dice, record) | {"name": name} for record, name in enumerate(TRUE)]
    strangers = [
        NOTHING | invented(dice, dice.randrange(3)) | {"name": f"Fidel Imbento {number}"}
        for number in range(dice.randrange(5))
    ]
    return known + strangers, 3 * len(known) + 4 * len(strangers)


@pytest.mark.parametrize("seed", range(8))
async def test_no_contact_that_a_provider_invents_is_stored(
    scans: ScanApi, new_user: NewUser, database: Database, provider: Provider, seed: int
) -> None:
    """All are dropped and counted; the three people have the contacts of the input, and the block is charged."""
    prospects, count = answer(random.Random(seed))  # noqa: S311  # repeatable, not secret
    provider.fail({"kind": "say", "message": json.dumps({"prospects": prospects})})
    scan = new_scan(database, new_user("pro", energy=100))
    reply = await scans(scan.user, scan.id, TEXT)
    assert (reply.status_code, reply.json()["prospectsFound"]) == (200, 3), reply.text
    assert {row["full_name"]: (row["email"], row["phone"]) for row in scan.prospects()} == TRUE
    assert {row["company"] for row in scan.prospects()} == {None}
    assert (reply.json()["meta"]["droppedValues"], scan.job()["dropped_values"]) == (count, count)
    stored = json.dumps([[row["content"], row["metadata"]] for row in scan.items()], default=str)
    for one in prospects:
        assert one["email"] not in stored
        assert one["company"] not in stored
    assert Books(database, scan.user).energy() == 85
