"""Every way in which a provider fails: the caller's reply, the charge, and the records."""

from collections.abc import AsyncIterator
from decimal import Decimal
from time import monotonic
from typing import Any

import pytest

from local.servers.ports import free_port
from local.stack.stack import Stack
from tests.apps import Pauses, in_process
from tests.books import Books, Row, add_prospect
from tests.calls import Api, message, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider

ONE_RETRY = orchestrated(retryAttempts=1, allowFallback=False)

# One token per byte of the prompt and 512 for the rest of the request, at 2.50 USD per million; 2,000 of output at 10.
PROMPT = '[[{"role": "user", "content": "Say hello to Maria."}], null]'
UPPER_BOUND_USD = (len(PROMPT) + 512) * Decimal("0.0000025") + Decimal("0.02")


@pytest.fixture
def pauses() -> Pauses:
    """Return the pauses that the function would have made."""
    return Pauses()


@pytest.fixture
async def api(stack: Stack, pauses: Pauses) -> AsyncIterator[Api]:
    """Yield the function in this process, whose retries do not wait."""
    async with in_process(stack, pauses.effects()) as calls:
        yield calls


def assert_recorded_as_sent(books: Books, provider: Provider) -> list[Row]:
    """Assert one recorded attempt for each request that arrived, in the same order (fault 8); return them."""
    attempts, sent = books.attempts(), provider.requests()
    assert [row["model"] for row in attempts] == [row["model"] for row in sent]
    known = [(row["provider_request_id"], entry["id"]) for row, entry in zip(attempts, sent, strict=True)]
    assert [pair for pair in known if pair[0] is not None and pair[0] != pair[1]] == []
    return attempts


Fault = dict[str, Any]

# Fault -> status, code, requests sent, how each was billed.
FAILURES: list[tuple[Fault, int, str, int, str]] = [
    ({"kind": "status", "status": 500}, 502, "provider_error", 2, "not_billed"),
    ({"kind": "status", "status": 503}, 502, "provider_error", 2, "not_billed"),
    ({"kind": "status", "status": 529}, 502, "provider_error", 2, "not_billed"),
    ({"kind": "status", "status": 502}, 502, "provider_error", 2, "upper_bound"),
    ({"kind": "status", "status": 504}, 502, "provider_error", 2, "upper_bound"),
    ({"kind": "status", "status": 408}, 502, "provider_error", 2, "upper_bound"),
    ({"kind": "status", "status": 409}, 502, "provider_error", 2, "not_billed"),
    ({"kind": "status", "status": 400}, 502, "provider_error", 1, "not_billed"),
    ({"kind": "status", "status": 401}, 502, "provider_error", 1, "not_billed"),
    ({"kind": "status", "status": 403}, 502, "provider_error", 1, "not_billed"),
    ({"kind": "status", "status": 404}, 502, "provider_error", 1, "not_billed"),
    ({"kind": "status", "status": 429}, 503, "provider_unavailable", 2, "not_billed"),
    ({"kind": "status", "status": 429, "retry_after": 2}, 503, "provider_unavailable", 2, "not_billed"),
    ({"kind": "status", "status": 429, "retry_after": 900}, 503, "provider_unavailable", 1, "not_billed"),
    ({"kind": "malformed"}, 502, "provider_error", 2, "upper_bound"),
    ({"kind": "cut"}, 502, "provider_error", 2, "upper_bound"),
    ({"kind": "empty_choices"}, 502, "provider_error", 2, "reported"),
    ({"kind": "content_filter"}, 422, "content_refused", 1, "reported"),
    ({"kind": "refusal"}, 422, "content_refused", 1, "reported"),
]


@pytest.mark.parametrize(
    ("fault", "status", "code", "sent", "billed"),
    FAILURES,
    ids=["-".join(str(value) for value in row[0].values()) for row in FAILURES],
)
async def test_fault_8_a_failed_call_charges_nothing_and_records_every_request(
    api: Api, new_user: NewUser, database: Database, provider: Provider,
    fault: Fault, status: int, code: str, sent: int, billed: str,
) -> None:  # fmt: skip
    """No energy is charged; the USD are recorded as the provider may bill them (fault 8)."""
    user = new_user()
    provider.fail({**fault, "times": 9})
    reply = await api(user, ONE_RETRY)
    body = reply.json()
    assert (reply.status_code, body["code"], body["success"]) == (status, code, False)
    assert "simulated" not in reply.text
    assert "access-control-allow-origin" in reply.headers
    books = Books(database, user)
    books.assert_nothing_charged(500)
    attempts = assert_recorded_as_sent(books, provider)
    assert [(row["state"], row["cost_method"]) for row in attempts] == [("failed", billed)] * sent
    expected = {
        "not_billed": Decimal(0),
        "upper_bound": UPPER_BOUND_USD,
        "reported": max(row["cost_usd"] for row in attempts),
    }[billed]
    assert [row["cost_usd"] for row in attempts] == [expected] * sent
    assert (billed == "not_billed") is (expected == 0)
    (usage,) = books.usage()
    assert (usage["success"], usage["error_code"], usage["retry_count"]) == (False, code, sent - 1)
    assert (usage["cost_usd"], usage["cost_estimated"]) == (expected * sent, billed == "upper_bound")
    assert str(usage["request_id"]) == body["requestId"]
    assert books.generations() == []


@pytest.mark.parametrize(("asked", "retry_after"), [(7, "7"), (2.2, "3"), (0, "1"), (None, "1")])
async def test_a_rate_limit_says_when_to_retry(
    api: Api, new_user: NewUser, provider: Provider, asked: float | None, retry_after: str
) -> None:
    """The 503 has Retry-After: the provider's wait in whole seconds, rounded up, else one second."""
    provider.fail({"kind": "status", "status": 429, "retry_after": asked, "times": 2})
    reply = await api(new_user(), ONE_RETRY)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, retry_after)


async def test_the_wait_that_a_provider_asks_for_is_waited(
    api: Api, new_user: NewUser, provider: Provider, pauses: Pauses
) -> None:
    """The exact Retry-After is waited for; then the call is served and charged once."""
    provider.fail({"kind": "status", "status": 429, "retry_after": 3.5})
    reply = await api(new_user(), ONE_RETRY)
    assert (reply.status_code, pauses.seconds) == (200, [3.5])
    assert reply.json()["meta"]["retryCount"] == 1


async def test_retries_back_off_from_the_delay_that_was_asked_for(
    api: Api, new_user: NewUser, provider: Provider, pauses: Pauses
) -> None:
    """Without jitter the waits are half of 2 s, 4 s and 8 s; `retryDelay` is in milliseconds."""
    provider.fail({"kind": "status", "status": 500, "times": 3})
    reply = await api(new_user(), orchestrated(retryAttempts=3, retryDelay=2000))
    assert (reply.status_code, pauses.seconds) == (200, [1.0, 2.0, 4.0])
    assert [entry["status"] for entry in provider.requests()] == [500, 500, 500, 200]


async def test_a_wait_beyond_the_budget_is_not_started(
    api: Api, new_user: NewUser, provider: Provider, pauses: Pauses
) -> None:
    """Another model is called at once, if fallbacks are allowed."""
    provider.fail({"kind": "status", "status": 429, "retry_after": 900, "match": '"gpt-4o"'})
    reply = await api(new_user(), orchestrated(retryAttempts=2))
    assert (reply.status_code, pauses.seconds) == (200, [])
    assert [entry["model"] for entry in provider.requests()] == ["gpt-4o", "gpt-3.5-turbo"]


async def test_a_message_goes_through_retries_and_on_to_the_next_model(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Three tries of gpt-4o, then gpt-4o-mini at the price of its class; every request has its row."""
    user = new_user()
    prospect_id = add_prospect(database, user)
    provider.fail({"kind": "status", "status": 500, "match": '"gpt-4o"', "times": 9})
    reply = await api(user, message(prospect_id))
    meta = reply.json()["meta"]
    assert (reply.status_code, meta["model"], meta["retryCount"]) == (200, "gpt-4o-mini", 3)
    assert (meta["fallbackUsed"], meta["downgradeReason"], meta["energyConsumed"]) == (True, "fallback", 3)
    books = Books(database, user)
    attempts = assert_recorded_as_sent(books, provider)
    assert [row["state"] for row in attempts] == ["failed", "failed", "failed", "succeeded"]
    assert (books.energy(), books.usage()[0]["retry_count"]) == (497, 3)


async def test_a_message_that_no_model_writes_is_a_502_and_free(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """All tries, 3 and 1 requests, are recorded, and nothing is charged."""
    user = new_user()
    provider.fail({"kind": "status", "status": 500, "times": 99})
    reply = await api(user, message(add_prospect(database, user)))
    assert (reply.status_code, len(provider.requests())) == (502, 4)
    assert len(assert_recorded_as_sent(Books(database, user), provider)) == 4
    Books(database, user).assert_nothing_charged(500)


@pytest.mark.parametrize("failure", ["connection refused", "TLS failure"])
async def test_a_provider_that_cannot_be_reached_is_not_billed(
    stack: Stack, new_user: NewUser, database: Database, pauses: Pauses, provider: Provider, failure: str
) -> None:
    """If nothing listens, or the server does not use TLS: 502, each try recorded, no USD and no energy."""
    user = new_user()
    nobody = f"http://127.0.0.1:{free_port()}"
    unsafe = stack.provider_url.replace("http://", "https://")
    address = {"connection refused": nobody, "TLS failure": unsafe}[failure]
    async with in_process(stack, pauses.effects(), OPENAI_BASE_URL=f"{address}/v1") as api:
        reply = await api(user, ONE_RETRY)
    assert provider.requests() == []
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    books = Books(database, user)
    books.assert_nothing_charged(500)
    rows = [(row["error_code"], row["cost_method"], row["cost_usd"]) for row in books.attempts()]
    assert rows == [("unreachable", "not_billed", 0)] * 2


async def test_fault_19_a_provider_that_is_too_slow_is_ended_by_the_deadline(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A 504 within the budget, energy released, rows written before the platform would stop the process (fault 19)."""
    user = new_user()
    provider.fail({"kind": "hang"})
    async with in_process(stack, REQUEST_TIMEOUT_SECONDS="6") as api:
        started = monotonic()
        reply = await api(user, ONE_RETRY)
        spent = monotonic() - started
    assert (reply.status_code, reply.json()["code"]) == (504, "deadline_exceeded")
    assert 1 < spent < 6
    books = Books(database, user)
    books.assert_nothing_charged(500)
    (attempt,) = assert_recorded_as_sent(books, provider)
    assert (attempt["state"], attempt["error_code"], attempt["cost_method"]) == (
        "failed", "timeout", "upper_bound",
    )  # fmt: skip
    (usage,) = books.usage()
    assert (usage["error_code"], usage["cost_usd"], usage["cost_estimated"]) == (
        "deadline_exceeded", UPPER_BOUND_USD, True,
    )  # fmt: skip


async def test_a_broken_schema_is_repaired_once(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The model gets its answer and is asked again: delivered, charged once, both requests recorded."""
    user = new_user()
    prospect_id = add_prospect(database, user)
    provider.fail({"kind": "broken_schema"})
    reply = await api(user, message(prospect_id))
    body = reply.json()
    assert (reply.status_code, body["meta"]["retryCount"], body["meta"]["energyConsumed"]) == (200, 1, 10)
    books = Books(database, user)
    attempts = assert_recorded_as_sent(books, provider)
    assert [(row["state"], row["error_code"]) for row in attempts] == [
        ("failed", "malformed"), ("succeeded", None),
    ]  # fmt: skip
    assert all(row["cost_usd"] > 0 and row["cost_method"] == "reported" for row in attempts)
    (usage,) = books.usage()
    assert usage["cost_usd"] == sum(row["cost_usd"] for row in attempts)
    assert usage["tokens_total"] == body["tokensUsed"] == sum(
        entry["prompt_tokens"] + entry["completion_tokens"] for entry in provider.requests()
    )  # fmt: skip
    first, second = provider.bodies()
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert [entry["role"] for entry in second["messages"][-2:]] == ["assistant", "user"]
    assert second["messages"][-1]["content"].partition("What was wrong: ")[2].strip()


async def test_a_schema_broken_twice_is_a_502_and_free(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """After one repair there is no further request: both are recorded with their cost, nothing is charged."""
    user = new_user()
    provider.fail({"kind": "broken_schema", "times": 9})
    reply = await api(user, message(add_prospect(database, user)))
    assert (reply.status_code, reply.json()["code"]) == (502, "provider_error")
    books = Books(database, user)
    books.assert_nothing_charged(500)
    attempts = assert_recorded_as_sent(books, provider)
    assert [row["error_code"] for row in attempts] == ["malformed", "malformed"]
    assert books.usage()[0]["cost_usd"] == sum(row["cost_usd"] for row in attempts) > 0


async def test_an_answer_cut_by_its_limit_is_no_valid_message(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Incomplete JSON is a broken schema: the second answer is used."""
    user = new_user()
    prospect_id = add_prospect(database, user)
    provider.fail({"kind": "length"})
    reply = await api(user, message(prospect_id))
    assert (reply.status_code, len(provider.requests())) == (200, 2)
    assert Books(database, user).energy() == 490


async def test_a_text_cut_by_its_limit_is_delivered_and_reported(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Free text may end at its limit: it is charged, with the reason in the meta."""
    user = new_user()
    provider.fail({"kind": "length"})
    reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["meta"]["finishReason"]) == (200, "length")
    assert Books(database, user).energy() == 490


async def test_a_refused_message_is_a_422_and_not_asked_again(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The refusal is final, and none of its text reaches the page."""
    user = new_user()
    provider.fail({"kind": "refusal", "message": "secret policy text"})
    reply = await api(user, message(add_prospect(database, user)))
    assert (reply.status_code, reply.json()["code"]) == (422, "content_refused")
    assert "secret policy text" not in reply.text
    assert len(assert_recorded_as_sent(Books(database, user), provider)) == 1
    Books(database, user).assert_nothing_charged(500)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "no_usage"},
        {"kind": "usage", "usage": {}},
        {"kind": "usage", "usage": {"prompt_tokens": -5, "completion_tokens": 1, "total_tokens": -4}},
        {"kind": "usage", "usage": {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}},
    ],
    ids=["none", "empty", "negative", "null"],
)
async def test_fault_3_unknown_usage_is_billed_at_its_upper_bound_and_marked(
    api: Api, new_user: NewUser, database: Database, provider: Provider, fault: Fault
) -> None:
    """It is delivered and charged once; the cost is the upper bound and marked as such."""
    user = new_user()
    provider.fail(fault)
    reply = await api(user, orchestrated())
    assert (reply.status_code, reply.json()["tokensUsed"]) == (200, 0)
    books = Books(database, user)
    (usage,) = books.usage()
    assert (usage["cost_usd"], usage["cost_estimated"]) == (UPPER_BOUND_USD, True)
    assert (books.attempts()[0]["cost_method"], books.energy()) == ("upper_bound", 490)


async def test_fault_4_an_explicit_usage_of_zero_is_a_known_value(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A usage of zero is used as reported, not replaced by an estimate."""
    user = new_user()
    provider.fail({"kind": "usage", "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})
    assert (await api(user, orchestrated())).status_code == 200
    books = Books(database, user)
    (usage,) = books.usage()
    assert (usage["cost_usd"], usage["cost_estimated"], usage["tokens_total"]) == (0, False, 0)
    assert books.attempts()[0]["cost_method"] == "reported"


async def test_fault_6_cached_and_reasoning_tokens_are_priced_once(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """1,000 prompt tokens of which 400 cached, 100 of output of which 60 reasoning: 0.0015 + 0.0005 + 0.001 USD."""
    user = new_user()
    details = {
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 60},
    }
    counts = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    provider.fail({"kind": "usage", "usage": counts | details})
    body = (await api(user, orchestrated())).json()
    assert (body["usage"]["cached_tokens"], body["usage"]["reasoning_tokens"]) == (400, 60)
    (usage,) = Books(database, user).usage()
    assert usage["cost_usd"] == Decimal("0.003")
    assert (usage["tokens_cached"], usage["tokens_reasoning"], usage["tokens_total"]) == (400, 60, 1100)
