"""A block of a scan is stored once, by whichever call, and energy is charged only for stored blocks."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from tests.sql.lock_wait import waiting
from tests.sql.money import Money, attempt
from tests.sql.scans import Running, Scans, block, item


def test_block_becomes_items_and_prospects(money: Money) -> None:
    """Every person found is an item with all known values, and a prospect at the right stage."""
    scans = Scans(money)
    work = scans.running(money.account())
    found = item(email="dina@x.ph", phone="+639171234567", company="Acme")
    assert scans.store(work.user, work.id, 0, found) == {"outcome": "stored"}
    (prospect,) = scans.prospects(work.user)
    columns = ("full_name", "email", "phone", "company", "source", "pipeline_stage", "lead_temperature")
    assert [prospect[name] for name in columns] == [
        "Dina Santos",
        "dina@x.ph",
        "+639171234567",
        "Acme",
        "scan",
        "discover",
        "hot",
    ]
    assert prospect["metadata"] == {
        "scout_score": 72,
        "bucket": "hot",
        "temperature": "hot",
        "tags": ["extra income"],
        "pain_points": ["bills"],
        "interests": ["business"],
        "scan_id": str(work.id),
        "scan_source": "text",
    }
    (row,) = scans.items(work.id)
    assert (row["type"], row["name"], row["content"], row["score"]) == (
        "text",
        "Dina Santos",
        "need extra income",
        Decimal(72),
    )
    kept = {name: value for name, value in found.items() if name not in {"name", "content", "score"}}
    assert row["metadata"] == kept | {"scored_by": "rules", "prospect_id": str(prospect["id"])}


def test_item_says_who_scored_it(money: Money) -> None:
    """In a block of the model, an item kept from the rules is marked."""
    scans = Scans(money)
    work = scans.running(money.account())
    request = scans.hold(work.user, work.id, 0)
    scans.settle(request, work.id, 0, item("A B"), item("C D", position=1, scored_by="rules"))
    assert [row["metadata"]["scored_by"] for row in scans.items(work.id)] == ["model", "rules"]


def test_records_are_erased_with_the_block(money: Money) -> None:
    """Pasted text is deleted when it has become an item."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=2)
    scans.store(work.user, work.id, 0, item(), item("Ben Cruz"))
    stored, still_open = money.rows(
        "select * from public.scan_blocks where scan_id = %s order by ordinal", work.id
    )
    assert (stored["state"], stored["records"], stored["items"], stored["scored_by"]) == (
        "done",
        None,
        2,
        "rules",
    )
    assert (still_open["state"], still_open["records"] is None) == ("open", False)


def test_counts_of_the_scan_grow_with_each_block(money: Money) -> None:
    """The scan's row always has the numbers of found, hot, warm and cold people."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=2)
    scans.store(work.user, work.id, 1, item("A B", 100), item("C D", 70), item("E F", 69))
    assert counts(scans, work) == (3, 2, 1, 0)
    scans.store(work.user, work.id, 0, item("G H", 50), item("I J", 49), item("K L", 0))
    assert counts(scans, work) == (6, 2, 2, 2)


def counts(scans: Scans, work: Running) -> tuple[int, ...]:
    """Return items, hot, warm and cold of the scan's row."""
    row = scans.row(work.id)
    return tuple(row[name] for name in ("total_items", "hot_leads", "warm_leads", "cold_leads"))


def test_block_that_is_stored_twice_counts_once(money: Money) -> None:
    """A repeat, with the same or with other items, changes nothing."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=2)
    scans.store(work.user, work.id, 0, dropped=2)
    assert scans.store(work.user, work.id, 0, item("Ben Cruz"), dropped=5) == {"outcome": "already_stored"}
    job = scans.job(work.id)
    assert (job["blocks_done"], job["items"], job["dropped_values"], job["by_rules"]) == (1, 1, 2, 1)
    assert [row["full_name"] for row in scans.prospects(work.user)] == ["Dina Santos"]


def test_block_without_people_is_done(money: Money) -> None:
    """A block without people has no item, and the scan continues."""
    scans = Scans(money)
    work = scans.running(money.account())
    answer = money.answer(
        "select public.scan_store_block(%s, %s)", work.user, json.dumps(block(work.id, 0) | {"items": []})
    )
    assert answer == {"outcome": "stored"}
    reply = scans.finish(work.id, work.lease)["reply"]
    assert (reply["prospectsFound"], scans.row(work.id)["prospect_ids"]) == (0, [])


def test_item_without_a_person_creates_no_prospect(money: Money) -> None:
    """Without a name or a contact there is an item and no prospect; with only a contact there is one."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.store(
        work.user, work.id, 0, item(None), item("", position=1), item("  ", position=2, email="a@x.ph")
    )
    assert [row["full_name"] for row in scans.prospects(work.user)] == ["a@x.ph"]
    assert [row["metadata"]["prospect_id"] is None for row in scans.items(work.id)] == [True, True, False]


def test_block_of_the_model_is_stored_in_the_settling_transaction(money: Money) -> None:
    """The call is charged, and its items, energy and USD are in the scan."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    answer = scans.settle(scans.hold(user, work.id, 0), work.id, 0, item(), dropped=3)
    assert (answer["outcome"], answer["energy_charged"], answer["storage_error"]) == ("settled", 15, None)
    job = scans.job(work.id)
    assert (job["blocks_done"], job["by_rules"], job["dropped_values"]) == (1, 0, 3)
    assert (job["energy_charged"], job["cost_usd"]) == (15, Decimal("0.0035"))
    assert money.rows("select model, scored_by from public.scan_blocks where scan_id = %s", work.id) == [
        {"model": "gpt-4o", "scored_by": "model"}
    ]
    assert scans.items(work.id)[0]["metadata"]["scored_by"] == "model"
    assert money.broken(user) == []


def test_released_call_may_bring_the_rules_block(money: Money) -> None:
    """The energy of a failed call is released and the rules' items are stored in the same transaction."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    request = scans.hold(user, work.id, 0)
    money.release(request, attempt(state="failed"), scan=block(work.id, 0, partial_reason="provider_error"))
    job = scans.job(work.id)
    assert (job["blocks_done"], job["by_rules"], job["partial_reason"]) == (1, 1, "provider_error")
    assert (job["energy_charged"], money.balance(user)) == (0, 100)


def test_late_settle_stores_nothing_and_the_block_is_done_again(money: Money) -> None:
    """A call that ends after its hold's expiry is not charged; the next one is, once."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    late = scans.hold(user, work.id, 0)
    money.expire(late)
    again = scans.hold(user, work.id, 0)
    assert scans.settle(late, work.id, 0)["outcome"] == "expired"
    assert (scans.items(work.id), money.balance(user)) == ([], 100)
    assert scans.settle(again, work.id, 0)["outcome"] == "settled"
    assert (len(scans.items(work.id)), money.balance(user)) == (1, 85)
    assert [money.usage(request)["cost_usd"] for request in (late, again)] == [Decimal("0.0035")] * 2
    assert money.broken(user) == []


def test_block_of_a_call_that_may_still_come_back_is_not_scored_by_rules(money: Money) -> None:
    """A second worker that would store by rules must wait: else the first call's energy would buy nothing."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    request = scans.hold(user, work.id, 0)
    assert scans.store(user, work.id, 0) == {"outcome": "in_progress"}
    assert (
        money.reserve(user, idempotency_key=f"scan:{work.id}:0", body_hash="hash")["outcome"] == "in_progress"
    )
    scans.settle(request, work.id, 0, item())
    assert scans.store(user, work.id, 0) == {"outcome": "already_stored"}
    assert money.reserve(user, idempotency_key=f"scan:{work.id}:0", body_hash="hash")["outcome"] == "replayed"
    assert (scans.job(work.id)["by_rules"], money.balance(user)) == (0, 85)


def test_block_of_a_call_that_died_is_scored_by_rules(money: Money) -> None:
    """After the hold's expiry no worker waits for the call."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    money.expire(scans.hold(user, work.id, 0))
    assert scans.store(user, work.id, 0) == {"outcome": "stored"}


def another_has_stored(scans: Scans, work: Running) -> None:
    """Let another call store the block before this one returns."""
    scans.store(work.user, work.id, 0)


def scan_has_failed(scans: Scans, work: Running) -> None:
    """Let the scan fail before the call returns."""
    assert scans.fail(work.id, work.user)["outcome"] == "failed"


def owner_has_deleted(scans: Scans, work: Running) -> None:
    """Let the owner delete the scan before the call returns."""
    scans.money.admin.execute("delete from public.scans where id = %s", [work.id])


@pytest.mark.parametrize("meanwhile", [another_has_stored, scan_has_failed, owner_has_deleted])
def test_call_whose_block_is_of_no_use_costs_nothing(
    meanwhile: Callable[[Scans, Running], None], money: Money
) -> None:
    """The charge for a block that could not be stored any more is refunded in the same transaction."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    # With another key: the block's key would stop the other worker.
    request = scans.hold(user, work.id, 0, idempotency_key=f"elsewhere:{work.id}")
    meanwhile(scans, work)
    items = len(scans.items(work.id))
    assert scans.settle(request, work.id, 0, item("Ben Cruz"))["outcome"] == "settled"
    assert money.ledger(user)[-2:] == [("ai_scan", -15, 85), ("scan_refund", 15, 100)]
    assert len(scans.items(work.id)) == items
    assert "Ben Cruz" not in [row["full_name"] for row in scans.prospects(user)]
    assert money.broken(user) == []


def test_repeated_settlement_gives_nothing_back(money: Money) -> None:
    """A second settlement of a call neither stores nor refunds again."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    request = scans.hold(user, work.id, 0)
    outcomes = [scans.settle(request, work.id, 0)["outcome"] for _ in range(2)]
    assert (outcomes, money.balance(user)) == (["settled", "already_settled"], 85)
    assert scans.store(user, work.id, 0)["outcome"] == "already_stored"
    assert money.balance(user) == 85


def test_block_of_another_user_s_scan_is_not_found_and_changes_nothing(money: Money) -> None:
    """Neither a call nor the rules of one user store into another user's scan."""
    scans, stranger = Scans(money), money.account(energy=100)
    work = scans.running(money.account())
    before = scans.job(work.id)
    assert scans.store(stranger, work.id, 0) == {"outcome": "scan_not_found"}
    request = scans.hold(stranger, work.id, 0)
    scans.settle(request, work.id, 0)
    assert (scans.job(work.id), scans.items(work.id), scans.prospects(stranger)) == (before, [], [])
    assert money.balance(stranger) == 100


def test_energy_in_a_block_of_rules_is_not_believed(money: Money) -> None:
    """A block without a call has cost nothing and refunds nothing."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    for _ in range(2):
        scans.store(user, work.id, 0, energy=50, cost_usd="1")
    assert (scans.job(work.id)["energy_charged"], money.balance(user)) == (0, 100)


def test_unknown_block_is_not_found(money: Money) -> None:
    """An ordinal that the scan does not have stores nothing."""
    scans = Scans(money)
    work = scans.running(money.account())
    assert scans.store(work.user, work.id, 1) == {"outcome": "scan_not_found"}
    assert scans.items(work.id) == []


def test_block_of_an_input_that_is_still_coming_is_not_stored(money: Money) -> None:
    """Before the end of the input its blocks may be replaced: nobody works on them."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    scans.add(scan, scans.accept(scan)["lease"], [])
    assert scans.store(user, scan, 0) == {"outcome": "lease_lost"}


def test_block_of_a_released_scan_is_stored(money: Money) -> None:
    """A call that returns after its worker has released the scan stores its items."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.release(work.id, work.lease)
    assert scans.store(work.user, work.id, 0) == {"outcome": "stored"}


@contextmanager
def refusing_prospects(money: Money) -> Iterator[None]:
    """Create a trigger of the app that refuses every new prospect, for the block."""
    money.admin.execute(
        """create function pg_temp.refuse() returns trigger language plpgsql as
           $$ begin raise exception 'not today'; end $$;
           create trigger refuse before insert on public.prospects
             for each row execute function pg_temp.refuse()"""
    )
    try:
        yield
    finally:
        money.admin.execute("drop trigger refuse on public.prospects")
        money.admin.execute("drop function pg_temp.refuse()")


@pytest.mark.parametrize(("scored_by", "energy", "balance"), [("model", 15, 85), ("rules", 0, 100)])
def test_refused_rows_leave_the_block_open(scored_by: str, energy: int, balance: int, money: Money) -> None:
    """The charge stands and the block is open; stored again it has its cost, and rules cost nothing."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    request = scans.hold(user, work.id, 0)
    with refusing_prospects(money):
        assert scans.settle(request, work.id, 0)["storage_error"] == "P0001"
    assert (scans.job(work.id)["blocks_done"], scans.items(work.id), money.balance(user)) == (0, [], 85)
    assert scans.store(user, work.id, 0, item(), scored_by=scored_by) == {"outcome": "stored"}
    assert scans.store(user, work.id, 0, item(), scored_by=scored_by) == {"outcome": "already_stored"}
    assert (scans.job(work.id)["energy_charged"], money.balance(user)) == (energy, balance)
    assert money.broken(user) == []


def test_two_workers_at_one_block_store_it_once(money: Money, money_url: str) -> None:
    """Of two workers at the account one stores; the other gets the outcome."""
    scans = Scans(money)
    work = scans.running(money.account())
    statement = "select public.scan_store_block(%s, %s)"
    text = json.dumps(block(work.id, 0, item()))
    with psycopg.connect(money_url) as first, waiting(money_url) as waiter:
        row = first.execute(statement.encode(), [work.user, text]).fetchone()
        second = waiter.start(statement, work.user, text)
        waiter.wait_until_blocked(money.admin)
        first.commit()
        assert row is not None
        assert [row[0]["outcome"], second.result()["outcome"]] == ["stored", "already_stored"]
    assert len(scans.prospects(work.user)) == 1


def test_scan_deleted_while_a_settlement_waits_is_no_deadlock(money: Money, money_url: str) -> None:
    """A settlement during the deletion of its scan waits for it, and then charges no energy."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user)
    request = scans.hold(user, work.id, 0)
    record = json.dumps({"attempts": [attempt()], "scan": block(work.id, 0, item(), scored_by="model")})
    with psycopg.connect(money_url) as deleter, waiting(money_url) as waiter:
        deleter.execute("delete from public.scans where id = %s", [work.id])
        answer = waiter.start("select public.ai_settle(%s, %s)", request, record)
        waiter.wait_until_blocked(money.admin)
        deleter.commit()
        assert (answer.result()["outcome"], answer.result()["storage_error"]) == ("settled", None)
    assert (money.balance(user), scans.prospects(user)) == (100, [])


def test_deletion_of_a_scan_waits_for_the_block_that_is_being_stored(money: Money, money_url: str) -> None:
    """In the opposite case the deletion waits, and deletes the block's items too."""
    scans = Scans(money)
    work = scans.running(money.account())
    with psycopg.connect(money_url) as worker, waiting(money_url, "postgres") as deleter:
        worker.execute(
            "select public.scan_store_block(%s, %s)", [work.user, json.dumps(block(work.id, 0, item()))]
        )
        deleted = deleter.start("delete from public.scans where id = %s returning true", work.id)
        deleter.wait_until_blocked(money.admin)
        worker.commit()
        assert deleted.result() is True
    assert scans.items(work.id) == []


def test_user_deleted_while_a_block_waits_is_no_deadlock(money: Money, money_url: str) -> None:
    """The deletion locks the user first, and so does the block: it waits, and then there is no scan."""
    scans = Scans(money)
    work = scans.running(money.account())
    with psycopg.connect(money_url) as deleter, waiting(money_url) as waiter:
        deleter.execute("delete from auth.users where id = %s", [work.user])
        answer = waiter.start(
            "select public.scan_store_block(%s, %s)", work.user, json.dumps(block(work.id, 0, item()))
        )
        waiter.wait_until_blocked(money.admin)
        deleter.commit()
        assert answer.result() == {"outcome": "scan_not_found"}


def progress_of(scans: Scans, user: UUID, blocks: int) -> list[int]:
    """Return the reported percentages while `blocks` blocks are stored, backwards."""
    work = scans.running(user, blocks)
    for ordinal in reversed(range(blocks)):
        scans.store(user, work.id, ordinal)
    return [percent for step, percent in scans.statuses(work.id) if step == "scoring"]


@pytest.mark.parametrize(
    ("blocks", "percents"),
    [
        (1, [45, 75]),
        (3, [45, 55, 65, 75]),
        (4, [45, 52, 60, 67, 75]),
        # Of 60 blocks every second one raises the percentage by one.
        (60, list(range(45, 76))),
    ],
)
def test_progress_rises_by_whole_percents(blocks: int, percents: list[int], money: Money) -> None:
    """It rises from 45 to 75 in proportion to the blocks done, with one row for each percent."""
    assert progress_of(Scans(money), money.account(), blocks) == percents
