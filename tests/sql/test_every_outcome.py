"""Each member of the closed set of outcomes can happen: one short sequence for each."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from shared.ai.money.outcomes import Outcome
from tests.sql.money import Answer, Money, written
from tests.sql.scans import Running, Scans
from tests.sql.test_limits import visitor

KEY = {"idempotency_key": "k", "body_hash": "h"}


def settled(money: Money) -> UUID:
    """Return a settled call."""
    request = money.held(money.account())
    money.settle(request)
    return request


def released(money: Money) -> UUID:
    """Return a released call."""
    request = money.held(money.account())
    money.release(request)
    return request


def expired(money: Money) -> UUID:
    """Return a call whose hold has expired."""
    request = money.held(money.account())
    money.expire(request)
    return request


def keyed(money: Money, **second: object) -> Answer:
    """Return the answer to a second call with a key whose first is open."""
    user = money.account()
    money.held(user, **KEY)
    return money.reserve(user, **(KEY | second))


def replayed(money: Money) -> Answer:
    """Return the answer to a second call with a key whose first is settled."""
    user = money.account()
    money.settle(money.held(user, **KEY), reply={"message": "Kumusta!"})
    return money.reserve(user, **KEY)


def short_of_coins(money: Money) -> Answer:
    """Return the answer to a call that costs one coin too many."""
    with money.priced(coins=1) as action:
        return money.reserve(money.account(), action=action)


def capped(money: Money) -> Answer:
    """Return the answer to a call of a user with a cap of zero."""
    user = money.account()
    money.admin.execute("insert into public.ai_spend_caps values ('user', %s, 0)", [user])
    return money.reserve(user)


def visited(money: Money) -> Answer:
    """Return the answer to a visitor where visitors may use nothing."""
    with money.policy(visitor_energy_per_day=0):
        return money.reserve(money.account(), **visitor(str(uuid4())))


def hurried(money: Money) -> Answer:
    """Return the answer to a call where a tier has no calls per minute."""
    with money.tier_limit("team", "calls_per_minute", 0):
        return money.reserve(money.account(tier="team"))


def chatting(money: Money, *, session: bool) -> Answer:
    """Return the answer to a visitor of an owner without a chatbot, in an existing session or not."""
    owner, session_id = money.account(), uuid4()
    if session:
        money.admin.execute(
            "insert into public.public_chat_sessions (id, user_id, session_slug) values (%s, %s, 's')",
            [session_id, owner],
        )
    row = money.admin.execute(
        "select public.chat_open(%s, %s, 'Magkano?', '{}')", [session_id, owner]
    ).fetchone()
    assert row is not None
    answer: Answer = row[0]
    return answer


def scanning(money: Money) -> tuple[Scans, Running]:
    """Return a scan of one block that a worker has."""
    scans = Scans(money)
    return scans, scans.running(money.account())


def stored(money: Money, times: int) -> Answer:
    """Return the answer to a block that is stored `times` times."""
    scans, work = scanning(money)
    return [scans.store(work.user, work.id, 0) for _ in range(times)][-1]


def accepted(money: Money, *, failing: bool = False) -> Answer:
    """Return the answer to a scan of its owner, or to one that has failed before."""
    scans, user = Scans(money), money.account()
    scan = scans.make(user)
    return scans.fail(scan, user) if failing else scans.accept(scan, user)


def finished(money: Money, *, stored: bool, lease: int = 2) -> Answer:
    """Return the answer at the end of a scan whose block is stored or not."""
    scans, work = scanning(money)
    if stored:
        scans.store(work.user, work.id, 0)
    return scans.finish(work.id, lease)


def scanned(money: Money, function: str) -> Answer:
    """Return the answer to the holder of a lease."""
    scans, work = scanning(money)
    answer: Answer = getattr(scans, function)(work.id, work.lease)
    return answer


COURSES: dict[Outcome, Callable[[Money], Answer]] = {
    Outcome.RESERVED: lambda money: money.reserve(money.account()),
    Outcome.REPLAYED: replayed,
    Outcome.IN_PROGRESS: keyed,
    Outcome.IDEMPOTENCY_CONFLICT: lambda money: keyed(money, body_hash="other"),
    Outcome.UNKNOWN_ACCOUNT: lambda money: money.reserve(uuid4()),
    Outcome.UNKNOWN_ACTION: lambda money: money.reserve(money.account(), action="ai_horoscope"),
    Outcome.UPGRADE_REQUIRED: lambda money: money.reserve(money.account(tier="free"), "premium"),
    Outcome.INSUFFICIENT_ENERGY: lambda money: money.reserve(money.account(energy=9)),
    Outcome.INSUFFICIENT_COINS: short_of_coins,
    Outcome.SPEND_CAP_REACHED: capped,
    Outcome.VISITOR_CAP_REACHED: visited,
    Outcome.RATE_LIMITED: hurried,
    Outcome.NOTED: lambda money: money.note(money.held(money.account())),
    Outcome.SETTLED: lambda money: money.settle(money.held(money.account())),
    Outcome.RELEASED: lambda money: money.release(money.held(money.account())),
    Outcome.EXPIRED: lambda money: money.settle(expired(money)),
    Outcome.ALREADY_SETTLED: lambda money: money.settle(settled(money)),
    Outcome.ALREADY_RELEASED: lambda money: money.settle(released(money)),
    Outcome.UNKNOWN_REQUEST: lambda money: money.settle(uuid4()),
    Outcome.SESSION_NOT_FOUND: lambda money: chatting(money, session=False),
    Outcome.CHATBOT_NOT_FOUND: lambda money: chatting(money, session=True),
    Outcome.CONVERSATION_NOT_FOUND: lambda money: money.answer(
        "select public.assistant_open(%s, %s)", uuid4(), written(money.account())
    ),
    Outcome.ACCEPTED: accepted,
    Outcome.QUEUED: lambda money: scanned(money, "release"),
    Outcome.RUNNING: lambda money: scanned(money, "renew"),
    Outcome.DONE: lambda money: finished(money, stored=True),
    Outcome.FAILED: lambda money: accepted(money, failing=True),
    Outcome.STORED: lambda money: stored(money, times=1),
    Outcome.ALREADY_STORED: lambda money: stored(money, times=2),
    Outcome.BLOCKS_OPEN: lambda money: finished(money, stored=False),
    Outcome.LEASE_LOST: lambda money: finished(money, stored=True, lease=1),
    Outcome.SCAN_NOT_FOUND: lambda money: Scans(money).accept(uuid4()),
}


@pytest.mark.parametrize("outcome", Outcome)
def test_outcome_can_happen(outcome: Outcome, money: Money) -> None:
    """Every member of the set has a sequence in this list."""
    assert COURSES[outcome](money)["outcome"] == outcome
