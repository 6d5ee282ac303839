"""One person is one prospect: found again by phone, e-mail, or name and company, and never overwritten."""

import json
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.sql.money import Money, Row
from tests.sql.scans import Scans, block, item

# A written number and its key; a dash if it has none.
NUMBERS = """
0917 123 4567           9171234567
09171234567             9171234567
0917-123-4567           9171234567
(0917) 123.4567         9171234567
+63 917 123 4567        9171234567
+639171234567           9171234567
63 917 1234567          9171234567
+63 (0)917 123 4567     9171234567
0063 917 123 4567       9171234567
917 123 4567            9171234567
(02) 8123 4567          281234567
+63 2 8123 4567         281234567
+63 (02) 8123-4567      281234567
(045) 123-4567          451234567
8123 4567               81234567
+1 415 555 0123         14155550123
001 415 555 0123        14155550123
+44 20 7946 0958        442079460958
+19171234567            19171234567
123456                  -
n/a                     -
0000000000              -
+                       -
"""
NUMBER_LINES = [line.rsplit(maxsplit=1) for line in NUMBERS.strip().splitlines()]


@pytest.mark.parametrize("line", NUMBER_LINES, ids=lambda line: str(line[0]))
def test_ways_of_writing_a_number_have_one_key(line: list[str], money: Money) -> None:
    """The key of a Philippine number is its national digits, of any other all its digits; short ones have none."""
    written, key = line
    assert (money.answer("select to_jsonb(nexscout.phone_key(%s))", written.strip()) or "-") == key


def scanned(scans: Scans, user: UUID, *items: Row) -> list[Row]:
    """Return the stored items of a scan of one block."""
    work = scans.running(user)
    assert scans.store(user, work.id, 0, *items) == {"outcome": "stored"}
    return scans.items(work.id)


Values = dict[str, Any]

NEWCOMER: Values = {"name": "Somebody New"}
ANA: Values = {"full_name": "Ana Reyes", "phone": "0917 123 4567", "email": "ana@x.ph", "company": "Acme"}

# What a person entered, what the scan found, and whether that is the same person.
PAIRS: list[tuple[str, Values, Values, bool]] = [
    ("phone, local and international", {"phone": "0917 123 4567"}, {"phone": "+639171234567"}, True),
    ("phone, without zero", {"phone": "63 917 1234567"}, {"phone": "9171234567"}, True),
    ("phone, landline", {"phone": "(02) 8123-4567"}, {"phone": "+63281234567"}, True),
    ("phone, one digit off", {"phone": "0917 123 4568"}, {"phone": "+639171234567"}, False),
    ("phone, same end abroad", {"phone": "+1 917 123 4567"}, {"phone": "+639171234567"}, False),
    ("phone of nobody", {"phone": "000000000"}, {"phone": "000000000"}, False),
    ("phone before e-mail", ANA, {"phone": "+639171234567", "email": "other@x.ph"}, True),
    ("e-mail, case and blanks", {"email": " Ana@X.ph "}, {"email": "ana@x.PH"}, True),
    ("e-mail, another", {"email": "ana@x.ph"}, {"email": "ann@x.ph"}, False),
    ("e-mail where the phone differs", ANA, {"phone": "+639990000001", "email": "ana@x.ph"}, True),
    (
        "name and company",
        {"full_name": "Ana Reyes", "company": "Acme"},
        {"name": "ANA  reyes ", "company": "acme "},
        True,
    ),
    (
        "name, other company",
        {"full_name": "Ana Reyes", "company": "Acme"},
        {"name": "Ana Reyes", "company": "Zeta"},
        False,
    ),
    ("name, company unknown", {"full_name": "Ana Reyes", "company": "Acme"}, {"name": "Ana Reyes"}, False),
    ("name alone, other scan", {"full_name": "Ana Reyes"}, {"name": "Ana Reyes"}, False),
    (
        "namesakes with other phones",
        {"full_name": "Ana Reyes", "company": "Acme", "phone": "09170000001"},
        {"name": "Ana Reyes", "company": "Acme", "phone": "+639170000002"},
        False,
    ),
    (
        "namesakes with other e-mails",
        {"full_name": "Ana Reyes", "company": "Acme", "email": "one@x.ph"},
        {"name": "Ana Reyes", "company": "Acme", "email": "two@x.ph"},
        False,
    ),
    (
        "name and company, phone new",
        {"full_name": "Ana Reyes", "company": "Acme"},
        {"name": "Ana Reyes", "company": "Acme", "phone": "+639170000002"},
        True,
    ),
    ("nothing in common", ANA, {"name": "Ben Cruz"}, False),
]


@pytest.mark.parametrize(("typed", "found", "same"), [pair[1:] for pair in PAIRS], ids=[p[0] for p in PAIRS])
def test_known_person_is_found_again(
    typed: Values,
    found: Values,
    same: bool,  # noqa: FBT001
    money: Money,
) -> None:
    """The item of a known person refers to the prospect and creates no second one; other people are new."""
    scans, user = Scans(money), money.account()
    known = scans.known(user, **typed)
    (stored,) = scanned(scans, user, item(**(NEWCOMER | found)))
    assert (stored["metadata"].get("duplicate_of") == str(known)) == same
    assert (stored["metadata"]["prospect_id"] == str(known)) == same
    assert len(scans.prospects(user)) == (1 if same else 2)


def test_prospect_of_another_user_is_not_found(money: Money) -> None:
    """A person whom one user knows is new for another user."""
    scans, user = Scans(money), money.account()
    scans.known(money.account(), **ANA)
    (stored,) = scanned(
        scans, user, item("Ana Reyes", phone="+639171234567", email="ana@x.ph", company="Acme")
    )
    assert "duplicate_of" not in stored["metadata"]


def test_person_who_is_twice_in_a_scan_is_one_prospect(money: Money) -> None:
    """Twice in one block, or in two, by any of the three keys: two items, both counted, and one prospect."""
    scans, user = Scans(money), money.account()
    work = scans.running(user, blocks=2)
    scans.store(user, work.id, 0, item("Ana Reyes"), item("ana  reyes", position=1, phone="+639171234567"))
    scans.store(user, work.id, 1, item("A. Reyes", position=2, phone="0917 123 4567"))
    (prospect,) = scans.prospects(user)
    assert (prospect["full_name"], prospect["phone"]) == ("Ana Reyes", "+639171234567")
    duplicates = [row["metadata"].get("duplicate_of") for row in scans.items(work.id)]
    assert duplicates == [None, str(prospect["id"]), str(prospect["id"])]
    reply = scans.finish(work.id, work.lease)["reply"]
    assert (reply["prospectsFound"], reply["meta"]["knownProspects"]) == (3, 2)
    assert scans.row(work.id)["prospect_ids"] == [prospect["id"]]
    assert money.broken(user) == []


def test_oldest_of_several_is_taken(money: Money) -> None:
    """If a person is twice among the prospects already, the first one is used."""
    scans, user = Scans(money), money.account()
    first = scans.known(user, phone="09171234567", created_at="2026-01-01")
    scans.known(user, phone="+639171234567", created_at="2026-02-01")
    (stored,) = scanned(scans, user, item(phone="+639171234567"))
    assert stored["metadata"]["duplicate_of"] == str(first)


def test_what_a_person_entered_is_never_overwritten(money: Money) -> None:
    """Every existing value stays, above all stage, temperature and score."""
    scans, user = Scans(money), money.account()
    typed = ANA | {
        "pipeline_stage": "closing",
        "lead_temperature": "cold",
        "source": "manual",
        "position": "Nurse",
        "metadata": '{"scout_score": 5, "note": "met at church"}',
    }
    scans.known(user, **typed)
    (before,) = scans.prospects(user)
    scanned(
        scans,
        user,
        item("Anna Rayes", 99, phone="+639171234567", email="new@x.ph", company="Zeta"),
        item("Anna Rayes", 99, position=1, phone="0917-123-4567"),
    )
    assert scans.prospects(user) == [before]


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_what_is_empty_is_filled(empty: str | None, money: Money) -> None:
    """Missing contacts, company and score of a known person are filled."""
    scans, user = Scans(money), money.account()
    known = scans.known(user, full_name="Ana", phone="09171234567", email=empty, company=empty, metadata="{}")
    scanned(scans, user, item("Ana Reyes", phone="+639171234567", email="ana@x.ph", company="Acme"))
    (prospect,) = scans.prospects(user)
    columns = ("id", "full_name", "phone", "email", "company", "pipeline_stage", "lead_temperature")
    assert [prospect[name] for name in columns] == [
        known,
        "Ana",
        "09171234567",
        "ana@x.ph",
        "Acme",
        "discover",
        "cold",
    ]
    assert (prospect["metadata"]["scout_score"], prospect["metadata"]["bucket"]) == (72, "hot")


def test_row_that_another_session_is_changing_is_not_waited_for(money: Money, money_url: str) -> None:
    """A locked prospect is not waited for; the item refers to it anyway."""
    scans, user = Scans(money), money.account()
    known = scans.known(user, phone="09171234567")
    work = scans.running(user)
    found = block(work.id, 0, item(phone="+639171234567", email="ana@x.ph"))
    with (
        psycopg.connect(money_url) as somebody,
        # A statement that waits is cancelled: no block of SQL can catch that.
        psycopg.connect(money_url, autocommit=True, options="-c statement_timeout=10s") as worker,
    ):
        somebody.execute("update public.prospects set full_name = 'Changed' where id = %s", [known])
        worker.execute("select public.scan_store_block(%s, %s)", [user, json.dumps(found)])
        somebody.commit()
    (stored,) = scans.items(work.id)
    assert stored["metadata"]["duplicate_of"] == str(known)
    (prospect,) = scans.prospects(user)
    assert (prospect["full_name"], prospect["email"]) == ("Changed", None)


def test_trigger_that_refuses_the_change_of_a_prospect_stops_nothing(money: Money) -> None:
    """The app's own trigger keeps the known prospect unchanged; the block is stored."""
    scans, user = Scans(money), money.account()
    known = scans.known(user, phone="09171234567")
    money.admin.execute(
        """create function pg_temp.refuse() returns trigger language plpgsql as
           $$ begin raise exception 'not today'; end $$;
           create trigger refuse before update on public.prospects
             for each row execute function pg_temp.refuse()"""
    )
    try:
        (stored,) = scanned(scans, user, item(phone="+639171234567", email="ana@x.ph"))
    finally:
        money.admin.execute("drop trigger refuse on public.prospects")
        money.admin.execute("drop function pg_temp.refuse()")
    assert stored["metadata"]["duplicate_of"] == str(known)
    assert scans.prospects(user)[0]["email"] is None


def test_prospect_with_very_long_values_can_be_written(money: Money) -> None:
    """No index of ours refuses a value that the app has accepted so far."""
    scans, user = Scans(money), money.account()
    words = "".join(chr(0x4E00 + number % 20_000) for number in range(5_000))
    scans.known(user, full_name=words, email=words, phone=words, company=words)
    (stored,) = scanned(scans, user, item(words, company=words))
    assert stored["metadata"]["duplicate_of"] == str(scans.prospects(user)[0]["id"])


def test_clients_go_on_writing_prospects(money: Money, money_url: str) -> None:
    """A signed-in user's own insert needs no right to anything in our indexes."""
    user = money.account()
    with psycopg.connect(money_url) as client:
        client.execute("select set_config('request.jwt.claim.sub', %s, true)", [str(user)])
        client.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{user}"}}'])
        client.execute("set local role authenticated")
        client.execute(
            """insert into public.prospects (user_id, full_name, phone, email)
               values (%s, 'Ana Reyes', '0917 123 4567', 'ana@x.ph')""",
            [user],
        )
        client.commit()
    assert [row["full_name"] for row in Scans(money).prospects(user)] == ["Ana Reyes"]
