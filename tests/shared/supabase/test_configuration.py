"""A user's configuration: one read for simultaneous callers, never too old, never another user's."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.responses import Response

from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, InternalError, NexscoutError, ServiceUnavailable
from shared.supabase.auth import Caller
from shared.supabase.configuration import ConfigService, Configuration, Loaded
from shared.supabase.database import Database as Connections
from tests.apps import services_on
from tests.conftest import Database, NewUser
from tests.shared.clock import HandClock
from tests.users import User
from tests.wire import Seen, Way, Wire, answer, lose_request, pass_on, wire_before

LOAD = "load_ai_configuration"
Make = Callable[..., ConfigService]


def asking(user: User) -> Caller:
    """Return the user as the authenticator does."""
    return Caller("user", user.id, user.access_token)


def soon() -> Deadline:
    """Return a deadline that no test reaches."""
    return Deadline.starting(20)


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy before the Supabase API."""
    async with wire_before(stack.upstream_url) as between:
        yield between


@pytest.fixture
async def connections(stack: Stack, wire: Wire) -> AsyncIterator[Connections]:
    """Yield the database as the functions reach it, behind the proxy."""
    async with services_on(stack, SUPABASE_URL=wire.url) as services:
        yield services.database


@pytest.fixture
def clock() -> HandClock:
    """Return a clock that the test moves."""
    return HandClock()


@pytest.fixture
def make(connections: Connections, clock: HandClock) -> Make:
    """Return what creates a cache of 300 seconds."""
    return lambda max_users=10: ConfigService(connections, clock, 300, max_users)


@dataclass
class Gate:
    """Holds answers that the database has already given, until they are released one by one."""

    held: list[asyncio.Event] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def way(self, wire: Wire, seen: Seen, request: Request) -> Response:
        """Get the answer now and deliver it later."""
        given = await pass_on(wire, seen, request)
        passed = asyncio.Event()
        self.held.append(passed)
        self.arrived.set()
        await passed.wait()
        return given

    async def until_held(self) -> None:
        """Return when an answer is held."""
        await asyncio.wait_for(self.arrived.wait(), 5)

    def let_through(self, index: int = 0) -> None:
        """Deliver one of the held answers."""
        self.held.pop(index).set()


def change(database: Database, user: User, name: str = "Liza") -> None:
    """Change something in the configuration."""
    database.execute("update public.profiles set full_name = %s where id = %s", [name, user.id])


def version(database: Database, user: User) -> int:
    """Return the version that a reservation would report now."""
    row = database.execute(
        "select version::int from public.ai_config_versions where user_id = %s", [user.id]
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


async def test_many_at_once_make_one_load(make: Make, wire: Wire, new_user: NewUser) -> None:
    """All callers get the result of the one read, and none of them is marked as cached."""
    service, caller, gate = make(), asking(new_user()), Gate()
    wire.meet(LOAD, gate.way)
    first = asyncio.create_task(service.load(caller, soon()))
    await gate.until_held()
    others = [asyncio.create_task(service.load(caller, soon())) for _ in range(49)]
    await asyncio.sleep(0)
    gate.let_through()
    loaded = await asyncio.gather(first, *others)
    assert wire.names() == [LOAD]
    assert {id(each.configuration) for each in loaded} == {id(loaded[0].configuration)}
    assert {each.cached for each in loaded} == {False}


async def test_users_do_not_wait_for_each_other(make: Make, wire: Wire, new_user: NewUser) -> None:
    """Another user's load may finish first."""
    service, gate = make(), Gate()
    slow, quick = new_user(), new_user()
    wire.meet(LOAD, gate.way)
    waiting = asyncio.create_task(service.load(asking(slow), soon()))
    await gate.until_held()
    assert (await service.load(asking(quick), soon())).configuration.user_id == quick.id
    gate.let_through()
    assert (await waiting).configuration.user_id == slow.id


async def test_a_load_is_kept_for_its_time(
    make: Make, wire: Wire, new_user: NewUser, clock: HandClock
) -> None:
    """After 299 seconds the cached one is used, after 300 it is read again."""
    service, caller = make(), asking(new_user())
    await service.load(caller, soon())
    clock.now += 299
    assert (await service.load(caller, soon())).cached is True
    assert wire.names() == [LOAD]
    clock.now += 1
    assert (await service.load(caller, soon())).cached is False
    assert wire.names() == [LOAD, LOAD]


async def test_at_most_so_many_users_are_kept(make: Make, wire: Wire, new_user: NewUser) -> None:
    """The least recently used one is removed."""
    service = make(max_users=2)
    anna, ben, carla = (asking(new_user()) for _ in range(3))
    for caller in (anna, ben, anna, carla):
        await service.load(caller, soon())
    wire.seen.clear()
    assert [(await service.load(caller, soon())).cached for caller in (anna, carla)] == [True, True]
    assert (await service.load(ben, soon())).cached is False
    assert wire.names() == [LOAD]


FAILURES: list[tuple[str, Way, type[NexscoutError]]] = [
    ("outage", answer(503, b"{}"), ServiceUnavailable),
    ("gateway page", answer(502, b"<html>", "text/html"), ServiceUnavailable),
    ("connection lost", lose_request, ServiceUnavailable),
    ("refused", answer(400, b'{"code":"42501","message":"no"}'), InternalError),
    ("nothing", answer(200, b"null"), InternalError),
    ("a list", answer(200, b"[]"), InternalError),
    ("somebody else's", answer(200, b'{"user_id":"another","version":9}'), InternalError),
]


@pytest.mark.parametrize(("way", "error"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
async def test_a_failure_is_raised_and_never_cached(
    make: Make, wire: Wire, new_user: NewUser, way: Way, error: type[NexscoutError]
) -> None:
    """No default replaces it, and the next call reads again."""
    service, caller = make(), asking(new_user())
    wire.meet(LOAD, way)
    with pytest.raises(error):
        await service.load(caller, soon())
    loaded = await service.load(caller, soon())
    assert (loaded.cached, loaded.configuration.user_id) == (False, caller.user_id)
    assert wire.names() == [LOAD, LOAD]


async def test_a_failed_reload_does_not_bring_the_old_one_back(
    make: Make, wire: Wire, new_user: NewUser, clock: HandClock
) -> None:
    """A configuration that is too old is not used, although it is still there."""
    service, caller = make(), asking(new_user())
    await service.load(caller, soon())
    clock.now += 300
    wire.meet(LOAD, lose_request)
    with pytest.raises(ServiceUnavailable):
        await service.load(caller, soon())


async def test_all_who_wait_for_a_failing_load_get_its_error(
    make: Make, wire: Wire, new_user: NewUser
) -> None:
    """None of them leaves an exception that is never retrieved."""
    service, caller = make(), asking(new_user())
    wire.meet(LOAD, answer(503, b"{}"))
    results = await asyncio.gather(*(service.load(caller, soon()) for _ in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {ServiceUnavailable}
    assert wire.names() == [LOAD]


async def test_who_gives_up_does_not_end_the_load_of_the_others(
    make: Make, wire: Wire, new_user: NewUser
) -> None:
    """Neither a timeout nor a cancellation of the first caller affects the second."""
    service, caller, gate = make(), asking(new_user()), Gate()
    wire.meet(LOAD, gate.way)
    first = asyncio.create_task(service.load(caller, soon()))
    await gate.until_held()
    patient = asyncio.create_task(service.load(caller, soon()))
    with pytest.raises(ServiceUnavailable):
        await service.load(caller, Deadline.starting(0.05))
    with pytest.raises(DeadlineExceeded):
        await service.load(caller, Deadline.starting(0))
    first.cancel()
    gate.let_through()
    assert (await patient).configuration.user_id == caller.user_id
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_change_is_seen_by_the_next_call(
    make: Make, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """The version that the reservation reports decides, not the five minutes."""
    user = new_user()
    service, caller = make(), asking(user)
    await service.load(caller, soon())
    change(database, user, "Liza Manalo")
    cached = await service.load(caller, soon())
    assert cached.cached is True
    fresh = await service.at_least(cached, version(database, user), caller, soon())
    assert fresh.configuration.sections["profile"]["full_name"] == "Liza Manalo"
    assert (fresh.cached, wire.names()) == (False, [LOAD, LOAD])
    again = await service.at_least(
        await service.load(caller, soon()), version(database, user), caller, soon()
    )
    assert (again.cached, wire.names()) == (True, [LOAD, LOAD])


async def test_a_version_that_never_comes_is_an_outage(make: Make, new_user: NewUser, wire: Wire) -> None:
    """An error is better than an old configuration; there are at most three further reads."""
    service, caller = make(), asking(new_user())
    loaded = await service.load(caller, soon())
    with pytest.raises(ServiceUnavailable):
        await service.at_least(loaded, 1_000_000, caller, soon())
    assert wire.names() == [LOAD] * 4


async def test_fault_15_a_slow_load_never_replaces_a_newer_one(
    make: Make, wire: Wire, new_user: NewUser, database: Database
) -> None:
    """A load that read before the change and arrives after a newer load does not replace it (fault 15)."""
    user = new_user()
    caller, gate = asking(user), Gate()
    service = make()
    wire.meet(LOAD, gate.way)
    slow = asyncio.create_task(service.load(caller, soon()))
    await gate.until_held()
    change(database, user)
    reported = version(database, user)
    waiting = asyncio.create_task(serve(service, caller, reported))
    gate.let_through()
    assert (await slow).configuration.version < reported
    assert (await waiting).version >= reported
    assert (await service.load(caller, soon())).configuration.version >= reported


async def serve(service: ConfigService, caller: Caller, reported: int) -> Configuration:
    """Do what a call does: load beside the reservation, then use the version that the reservation reported."""
    loaded: Loaded = await service.load(caller, soon())
    return (await service.at_least(loaded, reported, caller, soon())).configuration


@pytest.mark.parametrize("seed", range(20))
async def test_fault_15_no_schedule_of_changes_and_loads_serves_an_old_configuration(
    make: Make, wire: Wire, new_user: NewUser, database: Database, clock: HandClock, seed: int
) -> None:
    """Random changes, calls, late answers and passing time never give an older version than reported (fault 15)."""
    luck, user, gate = random.Random(seed), new_user(), Gate()  # noqa: S311  # a schedule, no secret
    service, caller = make(), asking(user)
    calls: list[tuple[int, asyncio.Task[Configuration]]] = []
    steps: dict[str, Callable[[], Awaitable[None]]] = {}

    async def changing() -> None:
        change(database, user, str(luck.random()))

    async def calling() -> None:
        reported = version(database, user)
        wire.meet(LOAD, gate.way)
        calls.append((reported, asyncio.create_task(serve(service, caller, reported))))

    async def answering() -> None:
        if gate.held:
            gate.let_through(luck.randrange(len(gate.held)))

    async def ageing() -> None:
        clock.now += 200

    steps = {"change": changing, "call": calling, "answer": answering, "age": ageing}
    for name in luck.choices(list(steps), [3, 4, 4, 1], k=25):
        await steps[name]()
        for _ in range(luck.randrange(4)):
            await asyncio.to_thread(lambda: None)
    while not all(task.done() for _, task in calls):
        await answering()
        await asyncio.to_thread(lambda: None)
    for reported, task in calls:
        assert task.result().version >= reported
    final = await serve_now(service, caller, wire, version(database, user))
    assert final.version == version(database, user)


async def serve_now(service: ConfigService, caller: Caller, wire: Wire, reported: int) -> Configuration:
    """Make a call whose answers are not held."""
    wire.forget()
    return await serve(service, caller, reported)


async def test_two_locks_let_one_workspace_through_only(
    connections: Connections, make: Make, new_user: NewUser, database: Database
) -> None:
    """An administrator's and a user's load contain only their own canaries, although the policies would show more."""
    owner, admin, user = new_user(), new_user(), new_user()
    database.execute("insert into public.admin_users (user_id) values (%s)", [admin.id])
    for each in (owner, admin, user):
        plant_canaries(database, each)
    shown = await connections.as_user(user.access_token).find("products", {"user_id": owner.id}, soon())
    assert shown is not None, "the first lock alone would let a stranger read this"
    seen = await connections.as_user(admin.access_token).find(
        "workspace_configs", {"workspace_id": owner.id}, soon()
    )
    assert seen is not None, "the first lock alone would let an administrator read this"
    service = make()
    for each in (owner, admin, user):
        text = str((await service.load(asking(each), soon())).configuration.sections)
        counts = [text.count(f"canary {other.id}") for other in (each, owner, admin, user)]
        assert counts[0] == 6
        assert sum(counts[1:]) == 6


def plant_canaries(database: Database, user: User) -> None:
    """Store a word of this user in each part of the user's configuration."""
    for statement in (
        "update public.profiles set full_name = %(word)s where id = %(id)s",
        """insert into public.workspace_configs (workspace_id, company)
           values (%(id)s, jsonb_build_object('name', %(word)s::text))""",
        "insert into public.company_profiles (user_id, company_name) values (%(id)s, %(word)s)",
        "insert into public.products (user_id, name, main_category) values (%(id)s, %(word)s, 'health')",
        "insert into public.ai_settings (user_id, tone) values (%(id)s, %(word)s)",
        "insert into public.ai_system_instructions (user_id, instructions) values (%(id)s, %(word)s)",
    ):
        database.execute(statement.encode(), {"id": user.id, "word": f"canary {user.id}"})


async def test_what_is_missing_is_named(make: Make, new_user: NewUser, database: Database) -> None:
    """Missing sections are listed, and never silently replaced by a default."""
    bare, filled = new_user(), new_user()
    plant_canaries(database, filled)
    service = make()
    assert (await service.load(asking(bare), soon())).configuration.missing() == [
        "workspace", "company", "products",
    ]  # fmt: skip
    assert (await service.load(asking(filled), soon())).configuration.missing() == []


async def test_who_has_no_identity_has_no_configuration(make: Make, wire: Wire) -> None:
    """An anonymous caller is an internal error here; nothing is requested."""
    with pytest.raises(InternalError):
        await make().load(Caller("anonymous"), soon())
    assert wire.seen == []
