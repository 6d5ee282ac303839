"""The sweep closes calls that never ended; nothing's correctness depends on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.sql.lock_wait import locked
from tests.sql.money import Money, attempt


@pytest.fixture(autouse=True)
def _nothing_left_to_do(money: Money) -> None:
    """Leave no work for a sweep from other tests."""
    while any(money.sweep()[name] for name in ("expired", "refilled", "scans", "erased")):
        pass


def work(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what a sweep did, without its figures."""
    return {name: value for name, value in answer.items() if name not in {"overdue", "spent_usd"}}


def test_fault_5_abandoned_call_gets_its_rows(money: Money) -> None:
    """Open attempts become unknown at their bounds, the usage row says abandoned, nothing is charged (fault 5)."""
    user = money.account(energy=100)
    request = money.held(user)
    money.note(request, 2, "0.02")
    money.expire(request)
    assert money.sweep()["expired"] == 1
    row = money.usage(request)
    assert (row["success"], row["error_code"], row["energy_consumed"]) == (False, "abandoned", 0)
    assert (row["cost_usd"], row["cost_estimated"], row["retry_count"]) == (Decimal("0.03"), True, 1)
    assert [(a["state"], a["error_code"]) for a in money.attempts(request)] == [("unknown", "abandoned")] * 2
    assert money.request(request)["cost_usd"] == Decimal("0.03")
    assert (money.balance(user), money.bound(user)) == (100, 0)
    assert money.broken(user) == []


def test_call_that_another_reservation_ended_is_swept_too(money: Money) -> None:
    """A hold that the next call found expired still gets its rows."""
    user = money.account(energy=10)
    request = money.held(user)
    money.expire(request)
    money.held(user)
    assert money.request(request)["state"] == "expired"
    assert money.sweep()["expired"] == 1
    assert money.usage(request)["error_code"] == "abandoned"


def test_second_sweep_finds_nothing(money: Money) -> None:
    """A call is swept once."""
    money.expire(money.held(money.account()))
    money.sweep()
    assert work(money.sweep()) == {
        "expired": 0,
        "refilled": 0,
        "scans": 0,
        "erased": 0,
        "failed": 0,
        "running": False,
    }


def test_living_hold_is_left_alone(money: Money) -> None:
    """A call that may still end is not changed."""
    request = money.held(money.account())
    assert money.sweep()["expired"] == 0
    assert money.request(request)["state"] == "held"


def test_late_settled_call_is_not_swept(money: Money) -> None:
    """A call that ended late has its exact figures already."""
    request = money.held(money.account())
    money.expire(request)
    money.settle(request, attempt(cost_usd="0.0035"))
    assert money.sweep()["expired"] == 0
    assert money.usage(request)["cost_usd"] == Decimal("0.0035")


def test_account_of_yesterday_is_refilled(money: Money) -> None:
    """A client that shows 0 may never call: the sweep refills it."""
    user = money.account(energy=0)
    money.admin.execute(
        "update public.user_energy set last_reset = last_reset - interval '1 day' where user_id = %s", [user]
    )
    assert money.sweep()["refilled"] == 1
    assert money.balance(user) == 500
    assert money.ledger(user)[-1] == ("daily_refill", 500, 500)


@pytest.mark.parametrize(("hours", "kept"), [(23, True), (25, False)])
def test_stored_reply_lives_a_day(hours: int, kept: bool, money: Money) -> None:  # noqa: FBT001
    """After 24 hours the reply and its key are deleted; the money rows stay."""
    request = money.held(money.account(), idempotency_key="k", body_hash="h")
    money.settle(request, reply={"message": "Kumusta!"})
    money.admin.execute(
        "update public.ai_requests set resolved_at = resolved_at - make_interval(hours => %s) where id = %s",
        [hours, request],
    )
    assert money.sweep()["erased"] == (0 if kept else 1)
    row = money.request(request)
    assert ((row["reply"], row["idempotency_key"]) != (None, None)) == kept
    assert row["energy_charged"] == 10


def test_sweep_takes_no_more_than_its_limit(money: Money) -> None:
    """A backlog is processed in parts; the answer says that there may be more."""
    user = money.account()
    for _ in range(5):
        money.expire(money.held(user))
    swept = [money.answer("select public.ai_sweep(2)")["expired"] for _ in range(4)]
    assert swept == [2, 2, 1, 0]


def test_one_broken_account_does_not_stop_the_sweep(money: Money) -> None:
    """An account that a trigger of the app refuses is left for later; all other calls are closed."""
    users = [money.account() for _ in range(3)]
    requests = [money.held(user) for user in users]
    for request in requests:
        money.expire(request)
    with stubborn(money, users[1]):
        assert money.sweep()["expired"] == 2
    assert [money.request(request)["state"] for request in requests].count("expired") == 2
    assert money.sweep()["expired"] == 1


@contextmanager
def stubborn(money: Money, user: UUID) -> Iterator[None]:
    """Let the usage rows of one user be refused, for the block."""
    money.admin.execute(
        f"alter table public.ai_usage_logs add constraint stubborn check (user_id <> '{user}') not valid"
    )
    try:
        yield
    finally:
        money.admin.execute("alter table public.ai_usage_logs drop constraint stubborn")


def test_busy_account_does_not_hold_up_the_sweep(money: Money, money_url: str) -> None:
    """An account that a call has locked is left to the next sweep: its own calls end its holds anyway."""
    busy, idle = money.account(), money.account()
    requests = [money.held(busy), money.held(idle)]
    for request in requests:
        money.expire(request)
    with locked(money_url, busy):
        assert money.sweep()["expired"] == 1
    assert money.sweep()["expired"] == 1


def test_call_whose_account_row_was_deleted_is_swept(money: Money) -> None:
    """A deleted account row is created again for the rows of its calls."""
    user = money.account(energy=100)
    request = money.held(user)
    money.expire(request)
    money.admin.execute("delete from public.user_energy where user_id = %s", [user])
    assert money.sweep()["expired"] == 1
    assert money.usage(request)["error_code"] == "abandoned"
    assert money.broken(user) == []


def test_user_who_is_being_deleted_does_not_hold_up_the_sweep(money: Money, money_url: str) -> None:
    """The sweep never waits for a deletion, which might wait for the sweep's other locks."""
    leaving, staying = money.account(), money.account()
    requests = [money.held(leaving), money.held(staying)]
    for request in requests:
        money.expire(request)
    with psycopg.connect(money_url) as deleter:
        deleter.execute("select from auth.users where id = %s for update", [leaving])
        assert money.sweep()["expired"] == 1
    assert money.sweep()["expired"] == 1


def test_second_sweep_at_the_same_time_does_nothing(money: Money, money_url: str) -> None:
    """Two simultaneous sweeps do not wait for each other."""
    money.expire(money.held(money.account()))
    with psycopg.connect(money_url) as first:
        first.execute("select public.ai_sweep()")
        assert work(money.sweep()) == {
            "expired": 0,
            "refilled": 0,
            "scans": 0,
            "erased": 0,
            "failed": 0,
            "running": True,
        }


@pytest.mark.parametrize(("hours", "kept"), [(23, True), (25, False)])
def test_answered_job_lives_a_day(hours: int, kept: bool, money: Money) -> None:  # noqa: FBT001
    """After 24 hours request and answer are deleted; its id is still known to its owner."""
    job = money.value(
        """insert into public.ai_jobs (id, user_id, function_name, body, body_hash, idempotency_key, state,
             reply, reply_status, finished_at)
           values (gen_random_uuid(), %s, 'generate-ai-content', '{}', 'h', 'k', 'done', '{}', 200,
             now() - make_interval(hours => %s)) returning id""",
        money.account(),
        hours,
    )
    assert money.sweep()["erased"] == (0 if kept else 1)
    (row,) = money.rows("select body, reply, idempotency_key, state from public.ai_jobs where id = %s", job)
    assert ((row["body"], row["reply"], row["idempotency_key"]) != (None, None, None)) == kept
    assert row["state"] == "done"


@pytest.mark.parametrize(("seconds", "overdue"), [(299, 0), (301, 1)])
def test_hold_that_sweeps_leave_open_is_reported(
    money: Money, money_url: str, seconds: int, overdue: int
) -> None:
    """A hold five minutes after its expiry is reported: a busy account may be skipped for a sweep or two."""
    user = money.account()
    request = money.held(user)
    money.admin.execute(
        "update public.ai_requests set expires_at = clock_timestamp() - make_interval(secs => %s) where id = %s",
        [seconds, request],
    )
    with locked(money_url, user):
        assert money.sweep()["overdue"] == overdue
    assert money.sweep()["overdue"] == 0


def test_usd_of_the_last_hour_is_reported(money: Money) -> None:
    """The exact cost of delivered and failed attempts is reported; older attempts do not count."""
    before = Decimal(money.sweep()["spent_usd"])
    user = money.account()
    requests = [money.held(user) for _ in range(3)]
    money.settle(requests[0], attempt(cost_usd="0.000000000001"))
    money.release(requests[1], attempt(cost_usd="0.25"))
    money.settle(requests[2], attempt(cost_usd="7"))
    money.admin.execute(
        "update public.ai_usage_attempts set created_at = now() - interval '61 minutes' where request_id = %s",
        [requests[2]],
    )
    assert Decimal(money.sweep()["spent_usd"]) - before == Decimal("0.250000000001")
