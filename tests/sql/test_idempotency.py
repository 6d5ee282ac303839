"""One key, one call: replays, conflicts, simultaneous calls, and keys that run again."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.money import Money

REPLY = {"message": "Kumusta!", "meta": {"model": "gpt-4o", "energyConsumed": None, "energyRemaining": None}}

# The end of the first call with a key; then the answer to a second with the same body, and with another.
SECOND_CALLS = """
first                  same body     another body
open                   in_progress   idempotency_conflict
settled                replayed      idempotency_conflict
settled a day ago      reserved      reserved
released               reserved      reserved
ended by the clock     reserved      reserved
ended and swept        reserved      reserved
ended, settled late    reserved      reserved
left by its client     reserved      reserved
"""
SECOND_LINES = [
    (line[:23].strip(), line[23:37].strip(), line[37:].strip())
    for line in SECOND_CALLS.strip().splitlines()[1:]
]


@pytest.mark.parametrize(("first", "same", "another"), SECOND_LINES)
def test_second_call_under_a_key(first: str, same: str, another: str, money: Money) -> None:
    """Only a settled success is replayed; a failed or partial call runs again."""
    for body_hash, expected in (("h", same), ("other", another)):
        user = money.account()
        begin(money, first, user)
        answer = money.reserve(user, idempotency_key="k", body_hash=body_hash)
        assert answer["outcome"] == expected
        assert money.broken(user) == []


def begin(money: Money, what: str, user: UUID) -> None:
    """Make the first call with the key and bring it to the state of the table."""
    request = money.held(user, idempotency_key="k", body_hash="h")
    if what.startswith("ended"):
        money.expire(request)
    if what.startswith("settled") or what == "ended, settled late":
        money.settle(request, reply=REPLY)
    if what == "settled a day ago":
        money.admin.execute(
            "update public.ai_requests set resolved_at = resolved_at - interval '24 hours' where id = %s",
            [request],
        )
    if what == "released":
        money.release(request)
    if what == "ended and swept":
        money.sweep()
    if what == "left by its client":
        money.settle(request, reply=REPLY, replayable=False)


def test_replay_is_the_first_reply_with_its_figures(money: Money) -> None:
    """The stored reply is the first one, with the energy that only the settlement knew."""
    user = money.account(energy=100)
    first = money.held(user, idempotency_key="k", body_hash="h")
    money.settle(first, reply=REPLY, reply_status=200)
    money.settle(money.held(user))
    answer = money.reserve(user, idempotency_key="k", body_hash="h")
    assert answer == {
        "outcome": "replayed",
        "request_id": str(first),
        "reply": {
            "message": "Kumusta!",
            "meta": {"model": "gpt-4o", "energyConsumed": 10, "energyRemaining": 90},
        },
        "reply_status": 200,
        "model": "gpt-4o",
    }


def test_replay_charges_nothing(money: Money) -> None:
    """A settled call that is repeated is charged once and holds nothing."""
    user = money.account(energy=100)
    money.settle(money.held(user, idempotency_key="k", body_hash="h"), reply=REPLY)
    for _ in range(3):
        money.reserve(user, idempotency_key="k", body_hash="h")
    assert (money.balance(user), money.bound(user)) == (90, 0)


def test_replay_needs_no_energy_and_no_tier(money: Money) -> None:
    """Idempotency comes first: a user who could not pay now gets the paid reply."""
    user = money.account(energy=10)
    money.settle(money.held(user, idempotency_key="k", body_hash="h"), reply=REPLY)
    money.admin.execute("update public.profiles set subscription_tier = 'free' where id = %s", [user])
    answer = money.reserve(user, idempotency_key="k", body_hash="h", paid_tiers_only=True)
    assert answer["outcome"] == "replayed"


def test_repeat_of_a_running_call_says_when_to_retry(money: Money) -> None:
    """A repeat during the call waits a second or two, no longer than the hold lives."""
    user = money.account()
    money.held(user, idempotency_key="k", body_hash="h", hold_seconds=1)
    money.held(user, idempotency_key="long", body_hash="h", hold_seconds=60)
    waits = [
        money.reserve(user, idempotency_key=key, body_hash="h")["retry_after_seconds"]
        for key in ("k", "long")
    ]
    assert waits == [1, 2]


@pytest.mark.parametrize(
    "other",
    [{"idempotency_key": "K"}, {"idempotency_scope": "visitor"}, {"idempotency_key": None}],
    ids=["another key", "another scope", "no key"],
)
def test_other_keys_and_scopes_are_other_calls(other: dict[str, Any], money: Money) -> None:
    """A key is valid only within its user and scope."""
    user = money.account()
    money.held(user, idempotency_key="k", body_hash="h")
    again = {"idempotency_key": "k", "body_hash": "h"} | other
    assert money.reserve(user, **again)["outcome"] == "reserved"


def test_same_key_of_another_user_is_another_call(money: Money) -> None:
    """Nobody gets another user's reply through a guessed key."""
    money.settle(money.held(money.account(), idempotency_key="k", body_hash="h"), reply=REPLY)
    assert money.reserve(money.account(), idempotency_key="k", body_hash="h")["outcome"] == "reserved"


def test_refused_call_leaves_its_key_free(money: Money) -> None:
    """A call that was refused for lack of energy can be made again with its key."""
    user = money.account(energy=0)
    assert money.reserve(user, idempotency_key="k", body_hash="h")["outcome"] == "insufficient_energy"
    money.add_energy(user, 10)
    assert money.reserve(user, idempotency_key="k", body_hash="h")["outcome"] == "reserved"


def test_reply_is_kept_for_keyed_calls_alone(money: Money) -> None:
    """A reply without a key is not stored."""
    request = money.held(money.account())
    money.settle(request, reply=REPLY)
    assert money.request(request)["reply"] is None


def test_expired_key_belongs_to_the_new_call(money: Money) -> None:
    """An expired key that runs again belongs to the new call, which is then in progress."""
    user = money.account()
    money.expire(money.held(user, idempotency_key="k", body_hash="h"))
    second = money.held(user, idempotency_key="k", body_hash="h", request_id=str(uuid4()))
    twin = money.reserve(user, idempotency_key="k", body_hash="h")
    assert (twin["outcome"], twin["request_id"]) == ("in_progress", str(second))
