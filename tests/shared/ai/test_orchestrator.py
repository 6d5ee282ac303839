"""The six promises of the orchestrator, with the names of the original migration plan, on the real stack."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from local.stack.stack import Stack
from shared.ai import Call, Material, Message, ModelPreference, Reply, Task
from shared.ai.orchestrator import Orchestrator
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import (
    ContentRefused,
    InsufficientEnergy,
    InternalError,
    NexscoutError,
    ProviderError,
    UpgradeRequired,
)
from shared.supabase.auth import Caller
from tests.apps import Pauses, services_on
from tests.books import Books, Row
from tests.conftest import Database, NewUser
from tests.plain_task import PlainTask
from tests.provider import Provider
from tests.users import User


@pytest.fixture
async def orchestrator(stack: Stack) -> AsyncIterator[Orchestrator]:
    """Yield the orchestrator of a process that has just started, whose retries do not wait."""
    async with services_on(stack, Pauses().effects()) as services:
        yield services.orchestrator


def call_of(user: User, task: Task | None = None, **changed: Any) -> Call:  # noqa: ANN401
    """Return a small call of the action ai_message."""
    caller = Caller("user", user.id, user.access_token)
    return Call("try-out", caller, task or PlainTask(**changed))


def context() -> RequestContext:
    """Return a request that has just arrived."""
    request_id = uuid4()
    return RequestContext(request_id, str(request_id), Deadline.starting(20))


async def run(orchestrator: Orchestrator, call: Call) -> Reply:
    """Serve one call and return its reply."""
    return await orchestrator.run(call, context())


def usage_of(database: Database, user: User) -> Row:
    """Return the only usage row."""
    (row,) = Books(database, user).usage()
    return row


async def test_basic_generation(
    orchestrator: Orchestrator, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The messages are sent unchanged to a provider, and its answer is shaped, returned and recorded."""
    user = new_user()
    reply = await run(orchestrator, call_of(user, temperature=0.3))
    (sent,) = provider.bodies()
    assert sent["messages"] == [{"role": "user", "content": "Say hello to Maria."}]
    assert (sent["max_tokens"], sent["temperature"]) == (300, 0.3)
    assert (reply.status, reply.model, reply.replayed) == (200, "gpt-4o", False)
    assert reply.body["message"] != ""
    assert reply.body["usage"]["total_tokens"] > 0
    assert (usage_of(database, user)["function_name"], usage_of(database, user)["success"]) == (
        "try-out",
        True,
    )


async def test_config_caching(orchestrator: Orchestrator, new_user: NewUser, database: Database) -> None:
    """The first call reads the configuration, the next uses the cache, and the one after sees a change."""
    user = new_user()
    names: list[object] = []

    class NameTask(PlainTask):
        def messages(self, material: Material) -> Sequence[Message]:
            names.append(material.configuration.sections["profile"]["full_name"])
            return super().messages(material)

    call = call_of(user, NameTask())
    cached = [(await run(orchestrator, call)).body["meta"]["cached"] for _ in range(2)]
    database.execute("update public.profiles set full_name = 'Liza' where id = %s", [user.id])
    cached.append((await run(orchestrator, call)).body["meta"]["cached"])
    assert (cached, names) == ([False, True, False], [None, None, "Liza"])
    assert orchestrator.metrics()["configCacheHitRate"] == pytest.approx(1 / 3)


async def test_energy_integration(orchestrator: Orchestrator, new_user: NewUser, database: Database) -> None:
    """Each action and class has its price, charged once and only for what was delivered."""
    user = new_user(energy=100)
    charged = [
        (await run(orchestrator, call_of(user, action=action, preference=ModelPreference(model)))).body[
            "meta"
        ]["energyConsumed"]
        for action, model in [
            ("ai_message", None),
            ("ai_message", "gpt-4o-mini"),
            ("ai_chatbot_response", None),
            ("ai_deep_scan", "gpt-4o-mini"),
            ("ai_scan", None),
        ]
    ]
    assert charged == [10, 3, 10, 8, 15]
    two_blocks = await run(orchestrator, call_of(user, action="ai_scan", units=2))
    assert two_blocks.body["meta"]["energyConsumed"] == 30
    books = Books(database, user)
    assert (books.energy(), two_blocks.energy_remaining) == (24, 24)
    assert books.ledger() == [-10, -3, -10, -8, -15, -30]
    with pytest.raises(InsufficientEnergy, match=r"^Insufficient energy\. Required: 30, Available: 24$"):
        await run(orchestrator, call_of(user, action="ai_pitch_deck"))
    assert books.energy() == 24


async def test_auto_model_selection(
    orchestrator: Orchestrator, new_user: NewUser, provider: Provider
) -> None:
    """Premium is used where tier and energy allow it, else standard with the reason, or a refusal if requested."""
    rich, short, free = new_user(), new_user(energy=5), new_user("free", 100)
    metas = [(await run(orchestrator, call_of(user))).body["meta"] for user in (rich, short, free)]
    assert [(meta["model"], meta["downgradeReason"]) for meta in metas] == [
        ("gpt-4o", None),
        ("gpt-3.5-turbo", "energy"),
        ("gpt-3.5-turbo", "tier"),
    ]
    provider.reset()
    with pytest.raises(InsufficientEnergy):
        await run(orchestrator, call_of(new_user(energy=5), preference=ModelPreference(auto_select=False)))
    with pytest.raises(UpgradeRequired, match=r"^Decks are for Pro$"):
        await run(orchestrator, call_of(free, upgrade_message="Decks are for Pro"))
    assert provider.requests() == []


async def test_error_handling(
    orchestrator: Orchestrator, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A transient failure is retried, a permanent one ends in its own error; both release the energy."""
    user = new_user()
    provider.fail({"kind": "status", "status": 500, "times": 2})
    assert (await run(orchestrator, call_of(user))).body["meta"]["retryCount"] == 2
    failures: list[tuple[dict[str, Any], type[NexscoutError]]] = [
        ({"kind": "status", "status": 500, "times": 5}, ProviderError),
        ({"kind": "refusal"}, ContentRefused),
    ]
    for fault, error in failures:
        provider.fail(fault)
        with pytest.raises(error):
            await run(orchestrator, call_of(user))
        provider.reset()
    books = Books(database, user)
    assert books.energy() == 490
    assert [row["error_code"] for row in books.usage()] == [None, "provider_error", "content_refused"]
    assert [row["state"] for row in books.requests()] == ["settled", "released", "released"]


async def test_metrics_tracking(
    orchestrator: Orchestrator, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Requests, tokens, cost, energy, models, errors and latencies are counted as recorded."""
    user = new_user()
    for model in (None, "gpt-4o-mini"):
        await run(orchestrator, call_of(user, preference=ModelPreference(model)))
    keyed = replace(call_of(user), idempotency_key="k", body_hash="h")
    for _ in range(2):
        await run(orchestrator, keyed)
    provider.fail({"kind": "refusal"})
    with pytest.raises(ContentRefused):
        await run(orchestrator, call_of(user))
    metrics, rows = orchestrator.metrics(), Books(database, user).usage()
    assert (metrics["requests"], metrics["delivered"], metrics["replayed"], metrics["attempts"]) == (
        5,
        3,
        1,
        4,
    )
    assert metrics["tokens"] == sum(row["tokens_total"] for row in rows)
    assert metrics["energy"] == 23
    assert metrics["errors"] == {"content_refused": 1}
    assert (metrics["errorRate"], metrics["configCacheHitRate"]) == (0.2, 0.75)
    assert metrics["models"] == {"gpt-4o": 2, "gpt-4o-mini": 1}
    assert metrics["providers"] == {"openai": 3}
    assert Decimal(metrics["costUSD"]) == sum(row["cost_usd"] for row in rows) > 0
    assert 0 < metrics["latencyMs"]["p50"] <= metrics["latencyMs"]["p95"] <= metrics["latencyMs"]["p99"]


async def test_a_fault_of_our_own_gives_everything_back(
    orchestrator: Orchestrator, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """An exception while a prompt is built is recorded as an internal error: nothing is sent, nothing charged."""
    user = new_user()

    class BrokenTask(PlainTask):
        def messages(self, material: Material) -> Sequence[Message]:
            raise KeyError("secret words", material.configuration.version)

    with pytest.raises(KeyError):
        await run(orchestrator, call_of(user, BrokenTask()))
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(500)
    row = usage_of(database, user)
    assert (row["error_code"], row["error_message"]) == ("internal_error", InternalError().message)
    assert Books(database, user).attempts() == []


async def test_a_cancelled_call_is_released_before_it_ends(
    orchestrator: Orchestrator, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """If the caller disconnects while the provider works, the cost is recorded and no energy charged (fault 3)."""
    user = new_user()
    provider.fail({"kind": "hang"})
    task = asyncio.create_task(run(orchestrator, call_of(user)))
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(provider.requests):
            pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    books = Books(database, user)
    books.assert_nothing_charged(500)
    (attempt,) = books.attempts()
    assert (attempt["error_code"], attempt["cost_method"], attempt["cost_estimated"]) == (
        "interrupted", "upper_bound", True,
    )  # fmt: skip
    assert [row["state"] for row in books.requests()] == ["released"]


async def test_fault_1_parallel_calls_never_spend_more_than_there_is(
    orchestrator: Orchestrator, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Of thirty simultaneous calls with energy for four premium and one standard, five are served."""
    user = new_user(energy=43)
    results = await asyncio.gather(
        *(run(orchestrator, call_of(user)) for _ in range(30)), return_exceptions=True
    )
    served = [result for result in results if isinstance(result, Reply)]
    refused = [result for result in results if isinstance(result, InsufficientEnergy)]
    assert len(served) + len(refused) == 30
    charged = [reply.body["meta"]["energyConsumed"] for reply in served]
    assert sum(charged) == 43 - Books(database, user).energy() <= 43
    assert Books(database, user).energy() < 3
    assert len(provider.requests()) == len(served) == len(Books(database, user).attempts())
