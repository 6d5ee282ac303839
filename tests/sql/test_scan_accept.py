"""A scan is accepted once: by which caller, with which lease, and what later callers get."""

import json
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.lock_wait import waiting
from tests.sql.money import Money
from tests.sql.scans import Scans, record


def test_first_caller_gets_a_lease(money: Money) -> None:
    """The owner starts the scan: it is processing, pollers get a first status, and the owner has the lease."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    assert scans.accept(scan, user) == {"outcome": "accepted", "user_id": str(user), "lease": 1}
    assert (scans.row(scan)["status"], scans.statuses(scan)) == ("processing", [("queued", 0)])
    job = scans.job(scan)
    assert (job["state"], job["user_id"], job["scan_type"], job["input_hash"]) == (
        "accepting",
        user,
        "text",
        "hash",
    )


def test_service_finds_the_owner_out(money: Money) -> None:
    """Without a user token the scan's own row has the owner."""
    scans, user = Scans(money), money.account()
    assert scans.accept(scans.make(user))["user_id"] == str(user)


@pytest.mark.parametrize("function", ["accept", "fail"])
def test_fault_17_scan_of_another_user_is_not_found_and_untouched(function: str, money: Money) -> None:
    """Another user learns nothing of a scan and changes nothing in it (fault 17)."""
    scans, owner, stranger = Scans(money), money.account(), money.account()
    scan = scans.make(owner)
    before = scans.row(scan)
    assert getattr(scans, function)(scan, stranger) == {"outcome": "scan_not_found"}
    assert scans.row(scan) == before
    assert scans.statuses(scan) == []
    assert money.rows("select from public.scan_jobs where scan_id = %s", scan) == []


def test_unknown_scan_is_not_found_by_any_function(money: Money) -> None:
    """Every function refuses an id of no scan."""
    scans, scan, user = Scans(money), uuid4(), money.account()
    answers = [
        scans.accept(scan),
        scans.add(scan, 1, [record()]),
        scans.queue(scan, 1),
        scans.open_blocks(scan, 1),
        scans.renew(scan, 1),
        scans.release(scan, 1),
        scans.store(user, scan, 0),
        scans.finish(scan, 1),
        scans.fail(scan),
    ]
    assert answers == [{"outcome": "scan_not_found"}] * 9
    assert scans.claim(scan) == {"outcome": "in_progress"}


@pytest.mark.parametrize("stage", ["accepting", "queued", "running"])
def test_second_caller_gets_the_status_running(stage: str, money: Money) -> None:
    """During the first call's work, in any state, a second call gets no lease."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    if stage == "accepting":
        scans.accept(scan)
    else:
        scan = scans.queued(user) if stage == "queued" else scans.running(user).id
    before = scans.job(scan)
    answer = scans.accept(scan, user)
    assert (answer["outcome"], answer["lease"], answer["reply"]) == ("running", None, None)
    assert scans.job(scan) == before


def test_second_caller_gets_the_stored_reply(money: Money) -> None:
    """After the end every caller gets the first reply again."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.store(work.user, work.id, 0)
    reply = scans.finish(work.id, work.lease, model="gpt-4o")["reply"]
    again = scans.accept(work.id, work.user)
    assert (again["outcome"], again["reply"]) == ("done", reply)
    assert reply["scanId"] == str(work.id)


def test_second_caller_gets_the_failure(money: Money) -> None:
    """A failed scan is not accepted again; code and message are returned."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    scans.fail(scan, user, sentence="The file is empty.")
    answer = scans.accept(scan, user)
    assert (answer["outcome"], answer["code"], answer["sentence"]) == (
        "failed",
        "invalid_request",
        "The file is empty.",
    )
    assert scans.row(scan)["status"] == "failed"


@pytest.mark.parametrize(("status", "outcome"), [("completed", "done"), ("failed", "failed")])
def test_scan_that_ended_before_stays_as_it_is(status: str, outcome: str, money: Money) -> None:
    """A scan of the app without our job is never started again: its status does not go back."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user, status)
    money.admin.execute("update public.scans set total_items = 7, hot_leads = 2 where id = %s", [scan])
    answer = scans.accept(scan, user)
    assert answer["outcome"] == outcome
    if outcome == "done":
        assert answer["reply"] | {"scanId": None} == {
            "success": True,
            "scanId": None,
            "prospectsFound": 7,
            "hot": 2,
            "warm": 0,
            "cold": 0,
            "meta": {},
        }
    else:
        assert answer["sentence"] == "This scan has failed. Please start a new one."
    assert scans.fail(scan)["outcome"] == outcome
    assert (scans.row(scan)["status"], scans.statuses(scan)) == (status, [])


def test_expired_acceptance_is_accepted_again(money: Money) -> None:
    """A caller that died while sending is replaced; its blocks are deleted, and its lease is lost."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    first = scans.accept(scan)["lease"]
    scans.add(scan, first, [record(0, "the first try")], [record(1)])
    scans.lapse(scan)
    second = scans.accept(scan)
    assert (second["outcome"], second["lease"]) == ("accepted", 2)
    assert scans.add(scan, first, [record()])["outcome"] == "lease_lost"
    scans.add(scan, 2, [record(0, "the second try")])
    assert scans.queue(scan, 2)["outcome"] == "queued"
    work = scans.claimed(scan, user)
    (block,) = scans.open_blocks(scan, work.lease)["blocks"]
    assert block["records"][0]["text"] == "the second try"
    assert scans.statuses(scan)[:2] == [("queued", 0), ("extracting_text", 5)]


def test_two_callers_at_once_start_one_scan(money: Money, money_url: str) -> None:
    """Of two callers at the scan's row one gets the lease, the other the status of running."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    statement = "select public.scan_accept(%s, %s, 'text', 'hash', 60)"
    with psycopg.connect(money_url) as first, waiting(money_url) as waiter:
        row = first.execute(statement.encode(), [scan, user]).fetchone()
        second = waiter.start(statement, scan, user)
        waiter.wait_until_blocked(money.admin)
        first.commit()
        assert row is not None
        assert [row[0]["outcome"], second.result()["outcome"]] == ["accepted", "running"]


def test_user_deleted_while_the_scan_is_accepted_is_no_deadlock(money: Money, money_url: str) -> None:
    """The deletion locks the user first, and so does the call: it waits, and then there is no scan."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    with psycopg.connect(money_url) as deleter, waiting(money_url) as waiter:
        deleter.execute("delete from auth.users where id = %s", [user])
        answer = waiter.start("select public.scan_accept(%s, null, 'text', 'hash', 60)", scan)
        waiter.wait_until_blocked(money.admin)
        deleter.commit()
        assert answer.result() == {"outcome": "scan_not_found"}


def test_block_that_is_sent_twice_is_stored_once(money: Money) -> None:
    """A caller whose answer was lost sends the same blocks again without any change."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    lease = scans.accept(scan)["lease"]
    for _ in range(2):
        scans.add(scan, lease, [record(0)], [record(1), record(2)])
    scans.add(scan, lease, [record(3)], first=2)
    assert scans.queue(scan, lease) == {"outcome": "queued", "blocks_total": 3}
    assert records_of(scans, scan, user) == [[0], [1, 2], [3]]


def records_of(scans: Scans, scan: UUID, user: UUID) -> list[list[int]]:
    """Return the positions of the records of every open block, as a worker gets them."""
    work = scans.claimed(scan, user)
    blocks = scans.open_blocks(scan, work.lease)["blocks"]
    return [[entry["position"] for entry in block["records"]] for block in blocks]


def test_missing_block_is_noticed(money: Money) -> None:
    """A scan with a missing block is not queued, as the gap would never be noticed later."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    lease = scans.accept(scan)["lease"]
    scans.add(scan, lease, [record()], first=1)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        scans.queue(scan, lease)


def test_sending_blocks_lengthens_the_lease(money: Money) -> None:
    """A long upload keeps its lease as long as blocks arrive."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    lease = scans.accept(scan)["lease"]
    scans.lapse(scan)
    scans.add(scan, lease, [record()])
    assert scans.accept(scan)["outcome"] == "running"


def test_end_of_input_counts_once(money: Money) -> None:
    """Queueing twice has one effect; pollers get the progress, and the facts are stored."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    lease = scans.accept(scan)["lease"]
    scans.add(scan, lease, [record()])
    answers = [scans.queue(scan, lease, duplicates=4, rows=5)["outcome"] for _ in range(2)]
    assert answers == ["queued", "queued"]
    assert scans.statuses(scan) == [
        ("queued", 0),
        ("extracting_text", 5),
        ("extracting_text", 20),
        ("detecting_prospects", 40),
    ]
    job = scans.job(scan)
    assert (job["state"], job["duplicates"], job["facts"]) == ("queued", 4, {"duplicates": 4, "rows": 5})


@pytest.mark.parametrize("function", ["add", "queue"])
def test_queued_scan_takes_no_more_input_from_others(function: str, money: Money) -> None:
    """Neither an old lease nor a worker's adds to the input."""
    scans = Scans(money)
    work = scans.running(money.account())
    arguments = ([record()],) if function == "add" else ()
    for lease in (work.lease - 1, work.lease):
        assert getattr(scans, function)(work.id, lease, *arguments)["outcome"] == "lease_lost"
    assert scans.job(work.id)["blocks_total"] == 1


def test_unreadable_blocks_change_nothing(money: Money) -> None:
    """A value that is no array of blocks is refused as a whole."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    lease = scans.accept(scan)["lease"]
    with pytest.raises(psycopg.errors.DataError):
        money.answer("select public.scan_add_blocks(%s, %s, 0, %s)", scan, lease, json.dumps({"no": "list"}))
    assert scans.job(scan)["blocks_total"] == 0
