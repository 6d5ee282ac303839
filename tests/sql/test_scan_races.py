"""Many workers at one scan, in any order: every block once, every person once, all energy accounted for."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from tests.sql.money import Money, Row, attempt, reservation
from tests.sql.scans import Running, Scans, block, item

WORKERS = 4
BLOCKS = 24
PEOPLE = 30


def people(ordinal: int) -> list[Row]:
    """Return five people for a block: most are in several blocks, by the one contact that they have."""
    numbers = [(ordinal * 5 + place) % PEOPLE for place in range(5)]
    return [item(f"Person {number}", position=number, phone=f"+63917{number:07}") for number in numbers]


def work_off(url: str, work: Running, seed: int) -> list[str]:
    """Try every block in a random order, half of them by calls; return the outcomes."""
    order = random.Random(seed).sample(range(BLOCKS), BLOCKS)  # noqa: S311  # an order, no secret
    with psycopg.connect(url, autocommit=True, options="-c role=service_role") as connection:
        return [
            by_call(connection, work, ordinal, seed) if ordinal % 2 else by_rules(connection, work, ordinal)
            for ordinal in order
        ]


def by_rules(connection: psycopg.Connection, work: Running, ordinal: int) -> str:
    """Store a block without a call."""
    text = json.dumps(block(work.id, ordinal, *people(ordinal)))
    return asked(connection, "select public.scan_store_block(%s, %s)", work.user, text)


def by_call(connection: psycopg.Connection, work: Running, ordinal: int, seed: int) -> str:
    """Store a block by a call with a key of the worker, so that calls for one block compete."""
    wanted = reservation(
        work.user, action="ai_scan", idempotency_key=f"{seed}:{work.id}:{ordinal}", body_hash="hash"
    )
    assert asked(connection, "select public.ai_reserve(%s)", json.dumps(wanted)) == "reserved"
    found = {"attempts": [attempt()], "scan": block(work.id, ordinal, *people(ordinal), scored_by="model")}
    return asked(connection, "select public.ai_settle(%s, %s)", UUID(wanted["request_id"]), json.dumps(found))


def asked(connection: psycopg.Connection, statement: str, *arguments: object) -> str:
    """Return the outcome of a call."""
    row = connection.execute(statement.encode(), arguments).fetchone()
    assert row is not None
    outcome: str = row[0]["outcome"]
    return outcome


@pytest.mark.parametrize("seed", range(3))
def test_workers_that_race_store_everything_once(seed: int, money: Money, money_url: str) -> None:
    """Four workers at all blocks of a scan: each block, person and count once, and energy only for blocks."""
    scans, user = Scans(money), money.account(energy=5000)
    work = scans.running(user, BLOCKS)
    with ThreadPoolExecutor(WORKERS) as pool:
        runs = [pool.submit(work_off, money_url, work, seed * WORKERS + number) for number in range(WORKERS)]
        outcomes = [outcome for run in runs for outcome in run.result()]
    assert outcomes.count("stored") == BLOCKS // 2
    assert outcomes.count("already_stored") == (WORKERS - 1) * BLOCKS // 2
    assert outcomes.count("settled") == WORKERS * BLOCKS // 2
    assert len(scans.items(work.id)) == BLOCKS * 5
    assert sorted(row["full_name"] for row in scans.prospects(user)) == sorted(
        f"Person {number}" for number in range(PEOPLE)
    )
    assert money.balance(user) == 5000 - 15 * BLOCKS // 2
    assert scans.job(work.id)["energy_charged"] == 15 * BLOCKS // 2
    percents = [percent for _, percent in scans.statuses(work.id)]
    assert percents == sorted(set(percents))
    reply = scans.finish(work.id, work.lease)["reply"]
    assert (reply["prospectsFound"], reply["meta"]["knownProspects"]) == (BLOCKS * 5, BLOCKS * 5 - PEOPLE)
    assert money.broken(user) == []
