"""Jobs for workers: one worker has a job at a time, a lost message is sent again, and every job ends."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from tests.sql.money import Answer, Money, Row


@pytest.fixture(autouse=True)
def _nothing_waits(money: Money) -> Iterator[None]:
    """Remove waiting jobs of other tests."""
    money.admin.execute("delete from public.ai_jobs")
    yield
    money.admin.execute("delete from public.ai_jobs")


def queued(money: Money) -> UUID:
    """Return a job of a new user."""
    job: UUID = money.value(
        """insert into public.ai_jobs (id, user_id, function_name, body, body_hash)
           values (gen_random_uuid(), %s, 'generate-ai-content', '{"a": 1}', 'h') returning id""",
        money.account(),
    )
    return job


def claim(money: Money, job: UUID) -> Answer:
    """Claim a job as a worker does."""
    return money.answer("select public.ai_claim_job(%s, 60)", job)


def requeue(money: Money, older_than_seconds: int = 0, most_sends: int = 3) -> Answer:
    """Return which messages must be sent again."""
    return money.answer("select public.ai_requeue_jobs(%s, 100, %s)", older_than_seconds, most_sends)


def wait_longer(money: Money, job: UUID, seconds: int) -> None:
    """Let a job have waited longer."""
    money.admin.execute(
        """update public.ai_jobs set sent_at = sent_at - make_interval(secs => %(seconds)s),
             lease_until = lease_until - make_interval(secs => %(seconds)s) where id = %(job)s""",
        {"seconds": seconds, "job": job},
    )


def row(money: Money, job: UUID) -> Row:
    """Return the row of a job."""
    (found,) = money.rows("select * from public.ai_jobs where id = %s", job)
    return found


def test_job_is_leased_to_one_worker(money: Money) -> None:
    """During a lease no other worker gets the job; after its expiry the next one does."""
    job = queued(money)
    first = claim(money, job)
    assert (first["id"], first["body"], first["tries"]) == (str(job), '{"a": 1}', 1)
    assert claim(money, job) is None
    wait_longer(money, job, 61)
    assert claim(money, job)["tries"] == 2


def test_unknown_or_answered_job_needs_no_work(money: Money) -> None:
    """A late or repeated message needs no work."""
    job = queued(money)
    claim(money, job)
    assert money.value("select public.ai_finish_job(%s, 1, 200, '{}')", job) is True
    assert [claim(money, each) for each in (job, uuid4())] == [None, None]


def test_lost_message_of_a_job_is_sent_again(money: Money) -> None:
    """A job that waits too long is listed once in that time; one with a worker is not."""
    waiting, leased, dead = (queued(money) for _ in range(3))
    for job in (leased, dead):
        claim(money, job)
    assert requeue(money, 60) == {"jobs": [], "gave_up": 0}
    for job in (waiting, dead):
        wait_longer(money, job, 130)
    listed = requeue(money, 60)
    assert (sorted(listed["jobs"]), listed["gave_up"]) == (sorted([str(waiting), str(dead)]), 0)
    assert requeue(money, 60) == {"jobs": [], "gave_up": 0}


def test_job_that_no_worker_ever_claims_is_answered_as_failed(money: Money) -> None:
    """Its owner gets an error in the contract's shape."""
    job = queued(money)
    assert [requeue(money, most_sends=2)["gave_up"] for _ in range(4)] == [0, 0, 1, 0]
    found = row(money, job)
    assert (found["state"], found["reply_status"]) == ("done", 500)
    assert (found["reply"]["success"], found["reply"]["code"], found["reply"]["requestId"]) == (
        False,
        "internal_error",
        str(job),
    )


def test_claim_forgets_the_messages_of_a_job(money: Money) -> None:
    """A job whose worker died may be sent again as often."""
    job = queued(money)
    for _ in range(2):
        assert len(requeue(money, most_sends=1)["jobs"]) == 1
        assert claim(money, job) is not None
        wait_longer(money, job, 61)
