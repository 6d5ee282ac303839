"""Storing a block finds people by index, with any number of prospects, on both starting points."""

import json
from collections.abc import Callable
from uuid import UUID

import psycopg

from local.migrations.apply import apply
from tests.sql.money import Money, Row
from tests.sql.scans import Scans, block, item

PROSPECTS = 100_000
NAMES = 20_000
ITEMS = 50


def crowd(money: Money, user: UUID) -> None:
    """Insert `count` prospects of a user: five of each name, each with another number."""
    money.admin.execute(
        """insert into public.prospects (user_id, full_name, phone, email)
           select %s, 'Person ' || n %% %s, '0917 ' || lpad(n::text, 7, '0'), 'p' || n || '@x.ph'
           from generate_series(1, %s) n""",
        [user, NAMES, PROSPECTS],
    )


def person(number: int) -> Row:
    """Return a person: every second one is known by the number; the others have known names and new numbers."""
    if number % 2:
        return item(f"P. {number}", position=number, phone=f"+63917{number:07}", email=f"p{number}@x.ph")
    return item(f"Person {number}", position=number, phone=f"+639178{number:06}", email=f"new{number}@x.ph")


def reads_of(worker: psycopg.Connection, user: UUID, found: Row) -> tuple[int, int]:
    """Return table scans of the prospects and rows read while a block is stored; the worker's session continues."""
    worker.execute("select public.scan_store_block(%s, %s)", [user, json.dumps(found)])
    row = worker.execute(
        """select seq_scan, idx_tup_fetch from pg_stat_xact_user_tables
           where relid = 'public.prospects'::regclass"""
    ).fetchone()
    worker.commit()
    assert row is not None
    return row[0], row[1]


def test_block_of_a_user_with_many_prospects_reads_few_rows(empty_database: Callable[[], str]) -> None:
    """Fifty people against 100,000, in a session that first saw the table empty: no table scan."""
    url = empty_database()
    apply(url)
    with (
        psycopg.connect(url, autocommit=True, options="-c role=service_role") as service,
        psycopg.connect(url, autocommit=True) as admin,
        psycopg.connect(url, options="-c role=service_role") as worker,
    ):
        money = Money(service, admin)
        scans, user = Scans(money), money.account()
        work = scans.running(user, blocks=2)
        admin.execute("analyze public.prospects")
        reads_of(worker, user, block(work.id, 0, *(item(f"Early Bird {number}") for number in range(ITEMS))))
        crowd(money, user)
        scanned, read = reads_of(worker, user, block(work.id, 1, *map(person, range(ITEMS))))
        assert scanned == 0
        # A known one is found, read and locked; namesakes with numbers are skipped in the index.
        assert read <= 3 * ITEMS
        assert scans.job(work.id)["merged"] == ITEMS // 2


def test_scan_works_on_the_app_s_own_project(existing_database: Callable[[], str]) -> None:
    """With the app's triggers on prospects, new ones are created and known ones filled, from first to last call."""
    url = existing_database()
    apply(url)
    with (
        psycopg.connect(url, autocommit=True, options="-c role=service_role") as service,
        psycopg.connect(url, autocommit=True) as admin,
    ):
        money = Money(service, admin)
        scans, user = Scans(money), money.account(energy=None)
        known = scans.known(user, phone="0917 123 4567", pipeline_stage="engage")
        work = scans.running(user)
        answer = scans.settle(
            scans.hold(user, work.id, 0),
            work.id,
            0,
            item(phone="+639171234567", email="ana@x.ph"),
            item("Ben Cruz", position=1),
        )
        assert (answer["outcome"], answer["storage_error"]) == ("settled", None)
        assert scans.finish(work.id, work.lease)["reply"]["prospectsFound"] == 2
        first, second = scans.prospects(user)
        assert (first["id"], first["email"], first["pipeline_stage"]) == (known, "ana@x.ph", "engage")
        assert (second["full_name"], second["avatar_seed"] is None) == ("Ben Cruz", False)
        assert money.value("select count(*) from public.notifications where user_id = %s", user) == 1
