"""One schedule: a few calls of one user through a few workers, in a world whose failures depend on a seed."""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import httpx2
import jwt
import psycopg

from shared.ai import Call as AICall
from shared.ai import Generation, Limits, Part, Structure
from shared.ai.delivery.deliverer import Deliverer, Effects
from shared.ai.models.catalogue import Catalogue
from shared.ai.models.selection import ClassLists
from shared.ai.moderation import Moderator
from shared.ai.money.ledger import Ledger
from shared.ai.orchestrator import Orchestrator
from shared.ai.provider.breaker import CircuitBreaker
from shared.ai.provider.client import Providers
from shared.ai.provider.exchange import ProviderCall, ProviderFailure
from shared.ai.stream import LiveStream
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import NexscoutError
from shared.http.app import GUARD_SECONDS
from shared.settings import Settings
from shared.supabase.auth import Caller
from shared.supabase.configuration import ConfigService
from shared.supabase.database import Database
from tests.plain_task import PlainTask
from tests.proofs.provider_transport import Arrival, ProviderTransport
from tests.proofs.sql_transport import SqlTransport
from tests.proofs.virtual_time import VirtualLoop
from tests.proofs.world import ORIGIN, Process, World
from tests.users import make_user

SECRET_KEY = "sb_secret_simulated"
JWT_SECRET = "a secret of the simulated world, long enough"
BUDGET_SECONDS = 25.0


@dataclass
class Call:
    """One call and what its caller received."""

    id: UUID
    process: Process
    ai: AICall
    streamed: bool
    body: dict[str, Any] | None = None
    replayed: bool = False
    text: str = ""
    error: str | None = None
    aborted: bool = False

    @property
    def delivered(self) -> bool:
        """Return whether the caller got a complete result."""
        return self.body is not None


@dataclass
class Outcome:
    """The result of a schedule: the user, the calls, and the provider's records."""

    seed: int
    user_id: str
    energy: int
    reliable: bool
    calls: list[Call] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)


class Simulation:
    """The code under test with simulated connections; created once, used by one schedule after another."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self.connection = connection
        self._sql = SqlTransport(connection, SECRET_KEY)
        self._provider = ProviderTransport()
        settings = Settings.from_env(
            {
                "SUPABASE_URL": "http://simulated.test",
                "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_simulated",
                "SUPABASE_SECRET_KEY": SECRET_KEY,
                "OPENAI_API_KEY": "simulated",
            }
        )
        self._database = Database(settings, httpx.AsyncClient(transport=self._sql))
        self._providers = Providers(settings, httpx2.AsyncClient(transport=self._provider))
        self._catalogue = Catalogue.load()
        asyncio.run(self._look_at_the_platform())

    async def _look_at_the_platform(self) -> None:
        """The SDK's first request reads the platform in a thread, and threads do not know the virtual time."""
        ORIGIN.set(Process(0, dead=True))
        call = ProviderCall(self._catalogue.get("gpt-4o"), [{"role": "user", "content": "call"}], 1, None)
        try:
            await self._providers.complete(call, Deadline.starting(5))
        except ProviderFailure:
            return

    def run(self, seed: int) -> Outcome:
        """Run the schedule of a seed to its end; messages that are still on their way arrive last."""
        world = World(seed)
        self._sql.world = world
        self._provider.begin(world)
        tier, energy = world.dice.choice(["free", "pro"]), world.dice.choice([0, 9, 10, 20, 33, 100])
        outcome = Outcome(seed, make_user(self.connection, tier, energy), energy, world.reliable)
        loop = VirtualLoop(world.idle)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._play(world, outcome, loop.time))
        outcome.sent, outcome.arrivals = self._provider.sent, self._provider.arrivals
        self.expire(outcome.user_id)
        self.sweep()
        world.deliver_the_rest()
        self.expire(outcome.user_id)
        self.sweep()
        return outcome

    async def _play(self, world: World, outcome: Outcome, clock: Callable[[], float]) -> None:
        workers = [Process(number) for number in range(world.dice.randint(1, 3))]
        orchestrators = [self._orchestrator(world, clock) for _ in workers]
        world.events = self._events(world, outcome, workers)
        for _ in range(world.dice.randint(1, 3)):
            wave = [self._call(world, outcome, workers) for _ in range(world.dice.randint(1, 3))]
            outcome.calls += wave
            tasks = [
                asyncio.create_task(_drive(orchestrators[call.process.number], call, clock)) for call in wave
            ]
            for call, task in zip(wave, tasks, strict=True):
                call.process.calls.append(call)
                call.process.tasks.append(task)
            await asyncio.gather(*tasks)
            workers[:] = [Process(worker.number) if worker.dead else worker for worker in workers]
        # What a worker does after its caller has disconnected.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    def _orchestrator(self, world: World, clock: Callable[[], float]) -> Orchestrator:
        ledger = Ledger(self._database)
        effects = Effects(jitter=world.dice.random)
        return Orchestrator(
            database=self._database,
            ledger=ledger,
            configurations=ConfigService(self._database, clock, 300, 100),
            deliverer=Deliverer(self._providers, ledger, CircuitBreaker(clock, 5, 30), effects),
            moderator=Moderator(self._providers),
            catalogue=self._catalogue,
            lists=ClassLists(("gpt-4o",), ("gpt-3.5-turbo", "gpt-4o-mini")),
        )

    def _call(self, world: World, outcome: Outcome, workers: list[Process]) -> Call:
        dice = world.dice
        number = UUID(int=dice.getrandbits(128), version=4)
        kind = dice.choice(["plain", "keyed", "keyed", "grouped", "structured", "parts"])
        key = f"key {dice.randrange(2)}" if kind == "keyed" else None
        token = jwt.encode({"sub": outcome.user_id}, JWT_SECRET, "HS256")
        task = PlainTask(
            [{"role": "user", "content": f"call {number}"}],
            action="ai_message" if kind == "grouped" else "ai_objection_handler",
            limits=Limits(2000, 100, retries=dice.randrange(3)),
            structure={"structured": STRUCTURE, "parts": WHOLE}.get(kind),
            parts=PARTS if kind == "parts" else (),
            group_key="group" if kind == "grouped" else None,
            generation=Generation("message", {}) if dice.random() < 1 / 3 else None,
        )
        body_hash = None if key is None else "the same body"
        ai = AICall("generate-ai-content", Caller("user", outcome.user_id, token), task, key, body_hash)
        return Call(number, dice.choice(workers), ai, streamed=dice.random() < 1 / 2)

    def _events(self, world: World, outcome: Outcome, workers: list[Process]) -> list[Callable[[], None]]:
        def crash() -> None:
            process = world.dice.choice(workers)
            process.dead = True
            for task in process.tasks:
                task.cancel()

        def abort() -> None:
            leaving = [
                task
                for worker in workers
                for call, task in zip(worker.calls, worker.tasks, strict=True)
                if call.streamed and not task.done()
            ]
            if leaving:
                world.dice.choice(leaving).cancel()

        aborts = [abort for _ in range(world.dice.randrange(4))]
        if world.reliable:
            return aborts
        kinds = [crash, lambda: self.expire(outcome.user_id), self.sweep]
        return aborts + [world.dice.choice(kinds) for _ in range(world.dice.randrange(4))]

    def expire(self, user_id: str) -> None:
        """Let the user's open holds expire."""
        self.connection.execute(
            """update public.ai_requests set expires_at = clock_timestamp() - interval '1 second'
               where user_id = %s and state = 'held'""",
            [user_id],
        )

    def sweep(self) -> None:
        """Run one sweep."""
        self.connection.execute("select public.ai_sweep()")


async def _drive(orchestrator: Orchestrator, call: Call, clock: Callable[[], float]) -> None:
    """Make the call as the URL does, with the same deadline."""
    ORIGIN.set(call.process)
    context = RequestContext(call.id, str(call.id), Deadline.starting(BUDGET_SECONDS, clock=clock))
    try:
        async with asyncio.timeout(BUDGET_SECONDS + GUARD_SECONDS):
            await _serve(orchestrator, call, context)
    except NexscoutError as error:
        call.error = error.code
    except TimeoutError:
        call.error = "guard"
    except asyncio.CancelledError:
        call.aborted = True


async def _serve(orchestrator: Orchestrator, call: Call, context: RequestContext) -> None:
    if not call.streamed:
        reply = await orchestrator.run(call.ai, context)
        call.body, call.replayed = reply.body, reply.replayed
        return
    opened = await orchestrator.stream(call.ai, context)
    if not isinstance(opened, LiveStream):
        call.body, call.replayed = opened.body, opened.replayed
        return
    async with aclosing(opened.events()) as events:
        async for event in events:
            match event["type"]:
                case "delta":
                    call.text += event["text"]
                case "done":
                    call.body = dict(event)
                case "error":
                    call.error = event["code"]


def _parse(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text)
    if "message" not in value:
        raise ValueError("no message")
    return value


STRUCTURE = Structure(
    "message",
    {
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
        "additionalProperties": False,
    },
    _parse,
)


def _parse_part(text: str) -> dict[str, Any]:
    return {"messages": [_parse(text)["message"]]}


def _parse_whole(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text)
    if len(value["messages"]) != len(PARTS):
        raise ValueError("parts are missing")
    return value


WHOLE = Structure("whole", STRUCTURE.schema, _parse_whole)
PARTS = [
    Part(f"The {which} half.", Structure("half", STRUCTURE.schema, _parse_part))
    for which in ("first", "second")
]
