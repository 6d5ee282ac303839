"""The end of a scan: completed or failed, once, everywhere the same, and never undone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.sql.lock_wait import locked
from tests.sql.money import Money
from tests.sql.scans import Scans, item, record


def test_completed_scan_is_reported_everywhere(money: Money) -> None:
    """The scan's row, its prospects, the pollers, the owner's notification and the reply agree."""
    scans, user = Scans(money), money.account()
    work = scans.running(user, blocks=2, duplicates=3, rows=9)
    scans.settle(scans.hold(user, work.id, 0), work.id, 0, item("A B", 80), item("C D", 55), dropped=1)
    scans.settle(scans.hold(user, work.id, 1), work.id, 1, item("E F", 20), item("A B", 75))
    answer = scans.finish(work.id, work.lease, model="gpt-4o")
    meta = answer["reply"].pop("meta")
    assert answer["reply"] == {
        "success": True,
        "scanId": str(work.id),
        "prospectsFound": 4,
        "hot": 2,
        "warm": 1,
        "cold": 1,
    }
    assert meta == {
        "model": "gpt-4o",
        "blocks": 2,
        "blocksByRules": 0,
        "rows": 9,
        "duplicates": 3,
        "knownProspects": 1,
        "droppedValues": 1,
        "energyConsumed": 30,
        "costUSD": 0.007,
    }
    row = scans.row(work.id)
    assert (row["status"], row["completed_at"] is None) == ("completed", False)
    assert sorted(row["prospect_ids"]) == sorted(prospect["id"] for prospect in scans.prospects(user))
    assert len(row["prospect_ids"]) == 3
    assert money.broken(user) == []
    (notification,) = money.rows("select * from public.notifications where user_id = %s", user)
    assert (notification["type"], notification["message"]) == (
        "scan_complete",
        "4 people found: 2 hot, 1 warm, 1 cold.",
    )
    assert notification["metadata"]["scan_id"] == str(work.id)


def test_poller_sees_every_step_at_rising_times(money: Money) -> None:
    """A caller that takes the newest row by time never sees a lower percentage, and sees the end last."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=2)
    for ordinal in range(2):
        scans.store(work.user, work.id, ordinal)
    scans.finish(work.id, work.lease)
    assert scans.statuses(work.id) == [
        ("queued", 0),
        ("extracting_text", 5),
        ("extracting_text", 20),
        ("detecting_prospects", 40),
        ("scoring", 45),
        ("scoring", 60),
        ("scoring", 75),
        ("saving", 80),
        ("creating_prospects", 90),
        ("completed", 100),
    ]
    assert money.broken(work.user) == []


def test_rows_by_the_page_s_own_clock_do_not_hide_the_end(money: Money) -> None:
    """A row from a clock that is ahead is overtaken; a time years ahead has no effect."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    money.admin.execute(
        """insert into public.scan_status (scan_id, step, percent, updated_at)
           values (%(scan)s, 'uploading', 0, clock_timestamp() + interval '5 minutes'),
                  (%(scan)s, 'nonsense', 0, 'infinity')""",
        {"scan": scan},
    )
    scans.fail(scan)
    assert [step for step, _ in scans.statuses(scan)] == ["uploading", "failed", "nonsense"]


def test_partial_scan_says_so(money: Money) -> None:
    """If the rules scored a part, the reply says which part and why."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=3)
    scans.settle(scans.hold(work.user, work.id, 0), work.id, 0)
    scans.store(work.user, work.id, 1, partial_reason="insufficient_energy")
    scans.store(work.user, work.id, 2)
    reply = scans.finish(work.id, work.lease)["reply"]
    assert reply["partial"] == {"reason": "insufficient_energy", "blocksByRules": 2, "blocks": 3}
    assert scans.row(work.id)["status"] == "completed"


def test_scan_with_open_blocks_is_not_finished(money: Money) -> None:
    """Open blocks are reported, and nothing has changed."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=2)
    scans.store(work.user, work.id, 0)
    assert scans.finish(work.id, work.lease) == {"outcome": "blocks_open"}
    assert (scans.job(work.id)["state"], scans.row(work.id)["status"]) == ("running", "processing")


def test_scan_finishes_once(money: Money) -> None:
    """A second end returns the first reply, whatever it contains, and sends no second notification."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.store(work.user, work.id, 0)
    first = scans.finish(work.id, work.lease, model="gpt-4o")
    assert scans.finish(work.id, work.lease, model="another") == first
    assert money.value("select count(*) from public.notifications where user_id = %s", work.user) == 1
    assert scans.statuses(work.id)[-1] == ("completed", 100)


@pytest.mark.parametrize("function", ["finish", "release", "renew", "open_blocks"])
def test_queued_scan_has_no_worker(function: str, money: Money) -> None:
    """The lease of the input is not a worker's lease; releasing a waiting scan changes nothing."""
    scans = Scans(money)
    scan = scans.queued(money.account())
    lease = scans.job(scan)["lease"]
    outcome = getattr(scans, function)(scan, lease)["outcome"]
    assert outcome == ("queued" if function == "release" else "lease_lost")
    assert scans.job(scan)["state"] == "queued"


def test_completed_scan_never_fails(money: Money) -> None:
    """A late failure changes nothing anywhere."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.store(work.user, work.id, 0)
    scans.finish(work.id, work.lease)
    before = (scans.job(work.id), scans.row(work.id), scans.statuses(work.id))
    assert scans.fail(work.id, work.user) == {"outcome": "done"}
    assert (scans.job(work.id), scans.row(work.id), scans.statuses(work.id)) == before


@pytest.mark.parametrize("stage", ["pending", "accepting", "queued", "running"])
def test_scan_fails_at_any_stage(stage: str, money: Money) -> None:
    """Before its acceptance and during the work: pollers get the message, and it fails once."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    if stage == "accepting":
        scans.add(scan, scans.accept(scan)["lease"], [record()])
    elif stage != "pending":
        scan = scans.queued(user) if stage == "queued" else scans.running(user).id
    percent = max((percent for _, percent in scans.statuses(scan)), default=0)
    for sentence in ("The file is empty.", "Another sentence."):
        assert scans.fail(scan, user, sentence=sentence) == {"outcome": "failed"}
    assert scans.row(scan)["status"] == "failed"
    assert scans.statuses(scan)[-1] == ("failed", percent)
    assert [step for step, _ in scans.statuses(scan)].count("failed") == 1
    job = scans.job(scan)
    assert (job["state"], job["failure_code"], job["failure"]) == (
        "failed",
        "invalid_request",
        "The file is empty.",
    )
    assert money.rows("select from public.scan_blocks where scan_id = %s and records is not null", scan) == []
    assert money.broken(user) == []


def test_failed_scan_is_at_its_end(money: Money) -> None:
    """No function restarts a failed scan, and its worker gets the outcome at once."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=2)
    scans.store(work.user, work.id, 0)
    scans.fail(work.id, lease=work.lease)
    assert scans.store(work.user, work.id, 1)["outcome"] == "failed"
    assert scans.finish(work.id, work.lease)["outcome"] == "failed"
    assert scans.renew(work.id, work.lease)["outcome"] == "lease_lost"
    assert scans.claim(work.id) == {"outcome": "in_progress"}
    assert scans.accept(work.id)["outcome"] == "failed"
    assert scans.row(work.id)["status"] == "failed"


def test_failed_scan_keeps_what_it_found_and_costs_nothing(money: Money) -> None:
    """People found before the failure stay; the energy of their blocks is refunded once."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user, blocks=2)
    scans.settle(scans.hold(user, work.id, 0), work.id, 0)
    for _ in range(2):
        scans.fail(work.id, user)
    assert money.ledger(user)[-2:] == [("ai_scan", -15, 85), ("scan_refund", 15, 100)]
    assert scans.row(work.id)["prospect_ids"] == [prospect["id"] for prospect in scans.prospects(user)]
    assert money.broken(user) == []


@pytest.mark.parametrize("mark", ["failed", "completed"])
def test_status_that_the_page_has_set_stays(mark: str, money: Money) -> None:
    """The owner's page may end the row by itself: our end does not change it."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.store(work.user, work.id, 0)
    money.admin.execute("update public.scans set status = %s where id = %s", [mark, work.id])
    if mark == "failed":
        assert scans.finish(work.id, work.lease)["outcome"] == "done"
    else:
        assert scans.fail(work.id)["outcome"] == "failed"
    assert scans.row(work.id)["status"] == mark


@contextmanager
def refusing_notifications(money: Money) -> Iterator[None]:
    """Let the app's own check refuse our type of notification for the block."""
    money.admin.execute(
        "alter table public.notifications add constraint refusing check (type <> 'scan_complete') not valid"
    )
    try:
        yield
    finally:
        money.admin.execute("alter table public.notifications drop constraint refusing")


def test_refused_notification_does_not_stop_the_end(money: Money) -> None:
    """A scan is completed even if the app refuses the notification."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.store(work.user, work.id, 0)
    with refusing_notifications(money):
        assert scans.finish(work.id, work.lease)["outcome"] == "done"
    assert scans.row(work.id)["status"] == "completed"


def test_sweep_fails_an_upload_that_stopped(money: Money) -> None:
    """A scan whose caller died before the end of the input fails with a message."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    scans.add(scan, scans.accept(scan)["lease"], [record()])
    assert money.sweep()["scans"] == 0
    scans.lapse(scan)
    assert money.sweep()["scans"] == 1
    assert scans.row(scan)["status"] == "failed"
    assert scans.job(scan)["failure"] == "The upload did not complete. Please send it again."
    assert scans.statuses(scan)[-1] == ("failed", 5)
    assert money.sweep()["scans"] == 0


def test_sweep_leaves_queued_and_running_scans_to_workers(money: Money) -> None:
    """The sweep never fails a scan whose input is complete, even if its worker is dead."""
    scans = Scans(money)
    queued, work = scans.queued(money.account()), scans.running(money.account())
    scans.lapse(work.id)
    money.sweep()
    assert [scans.job(scan)["state"] for scan in (queued, work.id)] == ["queued", "running"]


def test_busy_account_does_not_hold_up_the_sweep_of_scans(money: Money, money_url: str) -> None:
    """A scan whose owner's account is locked by a call is left to the next sweep."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    scans.accept(scan)
    scans.lapse(scan)
    with locked(money_url, user):
        assert money.sweep()["scans"] == 0
    assert money.sweep()["scans"] == 1


@pytest.mark.parametrize(
    ("statement", "reported"),
    [
        (
            "delete from public.scan_processed_items where scan_id = %s",
            "a scan's figures are those of its items",
        ),
        ("update public.scan_blocks set items = 9 where scan_id = %s", "a scan's blocks are counted once"),
        ("update public.scans set hot_leads = 9 where id = %s", "the row of a scan has its counts"),
        (
            "update public.scan_status set percent = 0 where scan_id = %s and step = 'saving'",
            "the progress of a scan never falls",
        ),
    ],
)
def test_broken_promise_of_a_scan_is_noticed(statement: str, reported: str, money: Money) -> None:
    """A manual change is found by the check that all these tests use."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.store(work.user, work.id, 0)
    scans.finish(work.id, work.lease)
    assert money.broken(work.user) == []
    money.admin.execute(statement.encode(), [work.id])
    assert money.broken(work.user) == [reported]
