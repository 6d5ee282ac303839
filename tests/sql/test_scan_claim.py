"""A scan has one worker at a time, gets another if the worker dies, and is given up when no worker advances."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.lock_wait import locked
from tests.sql.money import Money
from tests.sql.scans import Scans, item

NOTHING = {"outcome": "in_progress"}
GIVEN_UP = {"outcome": "failed"}


@pytest.fixture(autouse=True)
def _nothing_waits(money: Money) -> Iterator[None]:
    """Remove waiting scans of other tests."""
    money.admin.execute("delete from public.scan_jobs")
    yield
    money.admin.execute("delete from public.scan_jobs")


def test_worker_gets_the_scan_with_what_it_needs(money: Money) -> None:
    """A claim returns the owner and the lease; the blocks are requested separately."""
    scans, user = Scans(money), money.account()
    scan = scans.queued(user, blocks=2)
    assert scans.claim(scan) == {"outcome": "running", "user_id": str(user), "lease": 2}
    assert scans.job(scan)["tries"] == 1
    assert scans.job(scan)["state"] == "running"
    assert scans.statuses(scan)[-1] == ("scoring", 45)


def test_leased_scan_is_not_claimed_again(money: Money) -> None:
    """During a lease no other worker gets the scan; an ended or unknown scan needs no work."""
    scans = Scans(money)
    work, ended = (scans.running(money.account()) for _ in range(2))
    scans.store(ended.user, ended.id, 0)
    scans.finish(ended.id, ended.lease)
    assert [scans.claim(scan) for scan in (work.id, ended.id, uuid4())] == [NOTHING] * 3


def test_scan_of_a_dead_worker_is_claimed(money: Money) -> None:
    """After its lease has expired the next worker gets the scan; the first has lost it for every request."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.lapse(work.id)
    assert scans.claimed(work.id, work.user).lease == work.lease + 1
    scans.store(work.user, work.id, 0)
    late = [
        scans.open_blocks(work.id, work.lease),
        scans.renew(work.id, work.lease),
        scans.release(work.id, work.lease),
        scans.finish(work.id, work.lease),
        scans.fail(work.id, lease=work.lease),
    ]
    assert late == [{"outcome": "lease_lost"}] * 5
    assert scans.job(work.id)["state"] == "running"


def test_expired_lease_that_no_worker_took_is_renewed(money: Money) -> None:
    """A slow worker keeps the scan as long as no other has claimed it."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.lapse(work.id)
    assert scans.renew(work.id, work.lease) == {"outcome": "running"}
    assert scans.claim(work.id) == NOTHING


def test_lease_of_an_upload_is_renewed(money: Money) -> None:
    """A caller that reads a long input keeps the lease too."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    lease = scans.accept(scan)["lease"]
    scans.lapse(scan)
    assert scans.renew(scan, lease) == {"outcome": "running"}
    assert scans.accept(scan)["outcome"] == "running"


def test_released_scan_goes_on_with_its_open_blocks(money: Money) -> None:
    """A worker without time releases the scan; the next one gets the open blocks."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=3)
    scans.store(work.user, work.id, 1)
    assert [scans.release(work.id, work.lease) for _ in range(2)] == [{"outcome": "queued"}] * 2
    assert money.broken(work.user) == []
    again = scans.claimed(work.id, work.user)
    assert ordinals(scans, work.id, again.lease) == [0, 2]
    assert scans.open_blocks(work.id, work.lease) == {"outcome": "lease_lost"}


def ordinals(scans: Scans, scan: UUID, lease: int, after: int | None = None, limit: int = 10) -> list[int]:
    """Return the ordinals of the open blocks that a worker gets."""
    return [block["ordinal"] for block in scans.open_blocks(scan, lease, after, limit)["blocks"]]


def test_open_blocks_come_page_by_page(money: Money) -> None:
    """A page starts after the given ordinal and has at most the given length."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=5)
    scans.store(work.user, work.id, 3)
    pages = [ordinals(scans, work.id, work.lease, after, 2) for after in (None, -1, 1, 2, 4)]
    assert pages == [[0, 1], [0, 1], [2, 4], [4], []]


def test_two_workers_at_once_never_get_one_scan(money: Money, money_url: str) -> None:
    """An uncommitted claim already excludes other workers, without making them wait."""
    scans = Scans(money)
    scan = scans.queued(money.account())
    with psycopg.connect(money_url) as first:
        row = first.execute("select public.scan_claim(%s, 60, 3) ->> 'outcome'", [scan]).fetchone()
        assert row == ("running",)
        assert scans.claim(scan) == NOTHING


def test_scan_that_gets_on_is_claimed_any_number_of_times(money: Money) -> None:
    """A try counts only when the one before stored no block: a large scan needs many claims."""
    scans, user, blocks = Scans(money), money.account(), 5
    scan = scans.queued(user, blocks=blocks)
    for ordinal in range(blocks):
        lease = scans.claim(scan, most_tries=1)["lease"]
        assert scans.job(scan)["tries"] == 1
        scans.store(user, scan, ordinal)
        scans.release(scan, lease)
    lease = scans.claim(scan, most_tries=1)["lease"]
    assert scans.finish(scan, lease)["outcome"] == "done"


def test_scan_that_gets_nowhere_is_given_up(money: Money) -> None:
    """After a number of claims without a block the scan fails with a message, and pollers get it."""
    scans, user = Scans(money), money.account()
    scan = scans.queued(user)
    for number in range(3):
        claim = scans.claim(scan)
        assert scans.job(scan)["tries"] == number + 1
        scans.lapse(scan)
    assert scans.claim(scan) == GIVEN_UP
    job = scans.job(scan)
    assert (job["state"], job["failure_code"]) == ("failed", "scan_failed")
    assert job["failure"] == "The scan could not be completed. Please try again."
    assert (scans.row(scan)["status"], scans.statuses(scan)[-1]) == ("failed", ("failed", 45))
    assert scans.claim(scan) == NOTHING
    assert scans.renew(scan, claim["lease"]) == {"outcome": "lease_lost"}


def test_given_up_scan_gives_its_energy_back(money: Money) -> None:
    """A scan that ends as failed costs nothing, whatever its stored blocks were charged."""
    scans, user = Scans(money), money.account(energy=100)
    work = scans.running(user, blocks=2)
    scans.settle(scans.hold(user, work.id, 0), work.id, 0)
    assert money.balance(user) == 85
    for _ in range(4):
        scans.lapse(work.id)
        scans.claim(work.id)
    assert scans.job(work.id)["state"] == "failed"
    assert money.ledger(user)[-1] == ("scan_refund", 15, 100)
    assert money.broken(user) == []


def test_busy_account_delays_the_giving_up(money: Money, money_url: str) -> None:
    """A claim never waits: a scan whose owner's account is locked is given up at the next claim."""
    scans = Scans(money)
    work = scans.running(money.account())
    scans.lapse(work.id)
    with locked(money_url, work.user):
        assert scans.claim(work.id, most_tries=1) == NOTHING
    assert scans.claim(work.id, most_tries=1) == GIVEN_UP


def test_lost_message_is_sent_again(money: Money) -> None:
    """A scan that waits too long for a worker is listed once in that time; a younger one is not."""
    scans, user = Scans(money), money.account()
    scan = scans.queued(user)
    assert scans.requeue(older_than_seconds=60) == {"scans": [], "gave_up": 0}
    wait_longer(money, scan, 90)
    assert scans.requeue(older_than_seconds=60) == {"scans": [str(scan)], "gave_up": 0}
    assert scans.requeue(older_than_seconds=60) == {"scans": [], "gave_up": 0}


def wait_longer(money: Money, scan: UUID, seconds: int) -> None:
    """Let a scan have waited longer."""
    money.admin.execute(
        """update public.scan_jobs set updated_at = updated_at - make_interval(secs => %(seconds)s),
             lease_until = lease_until - make_interval(secs => %(seconds)s) where scan_id = %(scan)s""",
        {"seconds": seconds, "scan": scan},
    )


def test_message_of_a_dead_worker_is_sent_again(money: Money) -> None:
    """A scan whose lease expired long ago is listed; one with a worker, or an ended one, is not."""
    scans = Scans(money)
    dead, living, ended = (scans.running(money.account()) for _ in range(3))
    scans.store(ended.user, ended.id, 0)
    scans.finish(ended.id, ended.lease)
    for work in (dead, ended):
        wait_longer(money, work.id, 300)
    assert scans.requeue(60)["scans"] == [str(dead.id)]
    assert scans.renew(living.id, living.lease)["outcome"] == "running"


def test_scan_that_no_worker_ever_claims_is_given_up(money: Money) -> None:
    """When messages are sent and no worker comes, the scan fails: a poller never waits for ever."""
    scans, user = Scans(money), money.account()
    scan = scans.queued(user)
    sent = [scans.requeue(most_sends=2)["gave_up"] for _ in range(3)]
    assert (sent, scans.job(scan)["state"], scans.row(scan)["status"]) == ([0, 0, 1], "failed", "failed")


def test_claim_forgets_the_messages_before_it(money: Money) -> None:
    """A claimed scan may be sent again as often."""
    scans, user = Scans(money), money.account()
    scan = scans.queued(user)
    for _ in range(2):
        assert len(scans.requeue(most_sends=1)["scans"]) == 1
        work = scans.claimed(scan, user)
        scans.store(user, scan, 0, item())
        scans.release(scan, work.lease)


def test_deleted_scan_is_not_found_by_its_worker(money: Money) -> None:
    """If its owner deletes the running scan, all of it is deleted, and its worker gets not found."""
    scans = Scans(money)
    work = scans.running(money.account(), blocks=2)
    scans.store(work.user, work.id, 0)
    money.admin.execute("delete from public.scans where id = %s", [work.id])
    answers = [
        scans.open_blocks(work.id, work.lease),
        scans.renew(work.id, work.lease),
        scans.store(work.user, work.id, 1),
        scans.release(work.id, work.lease),
        scans.finish(work.id, work.lease),
    ]
    assert answers == [{"outcome": "scan_not_found"}] * 5
    assert money.rows("select from public.scan_blocks where scan_id = %s", work.id) == []
    assert scans.items(work.id) == []
    assert len(scans.prospects(work.user)) == 1
