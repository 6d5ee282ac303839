"""Fault 17: reads across workspaces, through an id, a key, a prompt or a statement of somebody else's choosing.

Every text that a column of the victims' workspaces can hold is a word of its own; none of these words may reach
anybody who should not see it: in an answer, in a log, at the provider, or in a row.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import psycopg
import pytest

from local.stack import Stack
from tests.conftest import Database
from tests.proofs.canaries import NOBODYS, Connection, Victim
from tests.proofs.chat_pages import another_session
from tests.proofs.figures import show
from tests.proofs.http_probes import CHAT, GENERATE, INJECTIONS, Heard, HttpProbe, HttpProbes, heard, rpcs
from tests.proofs.open_rows import OPEN_TO_CALL, OPEN_TO_READ, OPEN_TO_WRITE, is_told
from tests.proofs.people import access_token
from tests.proofs.sql_probes import SqlProbe, SqlProbes
from tests.proofs.two_workspaces import (
    Scene,
    late_answers,
    logs_of,
    make_history,
    provider_bodies,
    two_workspaces,
)
from tests.provider import Provider
from tests.sql.acting import Key, acting_as
from tests.sql.money import written

BATCH = 400
"""Requests between two looks at what the provider was sent: it keeps a thousand."""


@pytest.fixture(scope="module")
def scene(stack: Stack, database: Database) -> Iterator[Scene]:
    """The attacker's workspace and those of the victims."""
    with two_workspaces(stack, database) as made:
        yield made


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Real HTTP, at the gateway."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, trust_env=False) as opened:
        yield opened


def keys(scene: Scene) -> list[Key]:
    """The roles that a key from outside gives: nobody, the attacker, and a token without a user."""
    return [Key("anon"), Key("authenticated", scene.user.id), Key("authenticated")]


def statements_leak_nothing(scene: Scene, seed: int, count: int) -> Counter[str]:
    """Try so many statements."""
    with psycopg.connect(scene.stack.database_url) as connection:
        told: Counter[str] = Counter()
        for probe in SqlProbes(connection, seed).make(keys(scene), scene.victims(), count):
            answer = probe.heard(connection)
            assert scene.closed(answer) == set(), probe
            told["answered" if answer.startswith("[") else "refused"] += 1
        return told


def opened_by_the_page(scene: Scene, answer: Heard) -> bool:
    """Whether nothing stands in an answer but what the page's own policies open in the REST interface."""
    leaked = scene.closed(answer.text) if answer.probe.path.startswith("/rest/") else scene.leaks(answer.text)
    return leaked == set()


async def requests_leak_nothing(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, seed: int, count: int
) -> Counter[str]:
    """Try so many requests, and those that a victim has made before."""
    twins = await make_history(scene, client)
    functions = rpcs(scene.database)
    source = HttpProbes(scene.callers(), scene.attacker, scene.victims(), functions, seed)
    probes = twins + source.make(count - len(twins))
    told: Counter[str] = Counter()
    before = scene.standing()
    with logs_of(scene.stack) as logs:
        for start in range(0, count, BATCH):
            told += await batch_leaks_nothing(scene, client, provider, probes[start : start + BATCH])
    assert scene.leaks("".join(logs)) == set()
    assert "request.finished" in "".join(logs)
    assert scene.standing() == before, "something of a victim's was overwritten or deleted"
    return told


async def batch_leaks_nothing(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, probes: list[HttpProbe]
) -> Counter[str]:
    """Nothing in the answers, at once or later, nor in what the provider was sent."""
    provider.reset()
    answers = await heard(client, probes)
    for answer in answers:
        assert opened_by_the_page(scene, answer), answer
    for later in await late_answers(scene, client, answers):
        assert scene.leaks(later) == set()
    assert scene.leaks(provider_bodies(provider)) == set()
    return Counter({"sent to the provider": len(provider.requests())}) + Counter(
        str(answer.status) for answer in answers
    )


OPEN_POLICIES = """
select tablename, policyname from pg_policies
where schemaname = 'public' and permissive = 'PERMISSIVE' and roles && '{anon,public}'
  and (cmd = 'ALL' or (cmd = 'SELECT') = %s)"""
OPEN_FUNCTIONS = """
select case nspname when 'public' then proname else nspname || '.' || proname end
from pg_proc join pg_namespace space on space.oid = pronamespace
where nspname in ('public', 'nexscout') and has_function_privilege('anon', pg_proc.oid, 'execute')"""


def open_policies(connection: Connection, *, to_read: bool) -> dict[str, set[str]]:
    """The tables that the anonymous key reaches by a policy, with these policies."""
    found: dict[str, set[str]] = {}
    for table, policy in connection.execute(OPEN_POLICIES.encode(), [to_read]).fetchall():
        found.setdefault(str(table), set()).add(str(policy))
    return found


def test_what_is_open_is_written_down(database: Database) -> None:
    """The document names each policy and function that lets the anonymous key in, and no other."""
    assert open_policies(database, to_read=True) == OPEN_TO_READ
    assert open_policies(database, to_read=False) == OPEN_TO_WRITE
    assert {name for (name,) in database.execute(OPEN_FUNCTIONS.encode()).fetchall()} == set(OPEN_TO_CALL)


def test_what_is_open_is_really_read(scene: Scene) -> None:
    """Each table on the list gives the anonymous key a word of the open page: the list excuses nothing in vain."""
    with psycopg.connect(scene.stack.database_url) as connection:
        for table in OPEN_TO_READ:
            answer = SqlProbe(Key("anon"), f"select * from public.{table}").heard(connection)
            assert {column.split(".")[0] for column in scene.open.found(answer)} == {table}


# Holes that the statements must find, each in a transaction that is rolled back, and the table that leaks by it.
HOLES = {
    "a policy for everybody": (
        "prospects",
        "create policy hole on public.prospects for select to anon using (true)",
    ),
    "a policy without its filter": (
        "assistant_messages",
        "create policy hole on public.assistant_messages for select to authenticated using (true)",
    ),
    "row security switched off": (
        "ai_requests",
        "alter table public.ai_requests disable row level security; grant select on public.ai_requests to anon",
    ),
    "rows that are switched off": (
        "products",
        'alter policy "Public can view active products for chatbot" on public.products using (true)',
    ),
    "a function with its owner's rights": (
        "workspace_configs",
        """create function public.hole(p_user_id uuid) returns jsonb language sql security definer as
           $$ select to_jsonb(w) from public.workspace_configs w where workspace_id = p_user_id $$""",
    ),
    "a view with its owner's rights": (
        "ai_usage_logs",
        """alter view public.daily_ai_usage_summary set (security_invoker = false);
           grant select on public.daily_ai_usage_summary to anon""",
    ),
}


@pytest.mark.parametrize("hole", HOLES)
def test_the_statements_find_a_hole(scene: Scene, hole: str) -> None:
    """A hole in one table is found there, and only there, by as many statements as the proof makes."""
    table, statement = HOLES[hole]
    with psycopg.connect(scene.stack.database_url) as connection:
        connection.execute("set lock_timeout = '20s'")
        connection.execute(statement.encode())
        leaked = {
            column.split(".")[0]
            for probe in SqlProbes(connection, seed=1).make(keys(scene), scene.victims(), 1000)
            for column in scene.closed(probe.heard(connection))
        }
        connection.rollback()
    assert leaked == {table}


# What the functions ask under the service key, with the attacker for the owner and the victim's ids: no row of his.
FOREIGN_CALLS = {
    "ai_configuration_of": "select public.ai_configuration_of(%(owner)s)",
    "ai_prospect_of": "select public.ai_prospect_of(%(owner)s, %(prospects)s)",
    "chat_open": "select public.chat_open(%(public_chat_sessions)s, %(owner)s, 'Hi', %(reservation)s)",
    "chat_answer": "select public.chat_answer(%(owner)s, %(answer)s)",
    "assistant_open": "select public.assistant_open(%(assistant_conversations)s, %(reservation)s)",
}


@pytest.mark.parametrize("function", FOREIGN_CALLS)
def test_fault_17_service_functions_know_the_owner_alone(scene: Scene, function: str) -> None:
    """Given an owner and somebody else's id, a function of the closed list gives nothing of his and changes nothing."""
    session = scene.open.ids["public_chat_sessions"]
    arguments = {
        **scene.open.ids,
        "owner": scene.user.id,
        "reservation": written(UUID(scene.user.id), "standard", visitor_session_id=session),
        "answer": json.dumps({"session_id": session, "answer": "x", "lead": {"email": "x@example.com"}}),
    }
    with psycopg.connect(scene.stack.database_url) as connection:
        before = scene.open.rows(connection)
        with acting_as(connection, Key("service_role")):
            answer = str(connection.execute(FOREIGN_CALLS[function].encode(), arguments).fetchall())
        assert scene.leaks(answer) == set()
        assert "reserved" not in answer
        assert scene.open.rows(connection) == before
        connection.rollback()


def test_every_table_is_planted(scene: Scene) -> None:
    """Each table that the API exposes has a row of both victims', with a word in each text, or belongs to nobody."""
    found = scene.database.execute(
        "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
    ).fetchall()
    for victim in scene.victims():
        assert {str(name) for (name,) in found} == victim.ids.keys() | NOBODYS


async def test_the_requests_would_show_a_leak(
    scene: Scene, client: httpx.AsyncClient, provider: Provider
) -> None:
    """The victim himself gets his own words in an answer, and the provider is sent them: both are looked at."""
    scene.database.execute(
        "update public.user_energy set current_energy = 100000 where user_id = %s", [scene.open.user_id]
    )
    provider.reset()
    own = {
        "apikey": scene.stack.publishable_key,
        "authorization": f"Bearer {access_token(scene.stack, scene.open.user_id)}",
    }
    body = {"generationType": "message", "prospectId": scene.open.ids["prospects"], "tone": "friendly"}
    (answer,) = await heard(client, [HttpProbe("POST", GENERATE, own, {}, body)])
    assert "prospects.full_name" in scene.leaks(answer.text)
    assert "prospects.full_name" in scene.leaks(provider_bodies(provider))
    assert not opened_by_the_page(scene, answer)
    await make_history(scene, client)
    stored = HttpProbe("GET", f"{GENERATE}/requests/{scene.open.ids['ai_jobs']}", own)
    assert "ai_jobs.reply" in scene.leaks((await heard(client, [stored]))[0].text)


def test_fault_17_statements_meet_no_canary(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 statements under each key from outside read, write and call; none brings a word of another workspace."""
    show(capsys, "statements", statements_leak_nothing(scene, seed=1, count=1000))


async def test_fault_17_requests_meet_no_canary(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    """300 requests with foreign ids, forged tokens, others' keys and injected prompts bring nothing of the victims'."""
    show(capsys, "requests", await requests_leak_nothing(scene, client, provider, seed=1, count=300))


async def told_to_a_visitor(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, victim: Victim
) -> tuple[set[str], set[str]]:
    """The columns that reach the model, and those that reach a visitor of the page who asks for everything."""
    page = another_session(scene.database, victim.user_id)
    scene.database.execute(
        "update public.user_energy set current_energy = 100000 where user_id = %s", [victim.user_id]
    )
    provider.reset()
    # Half the time a model that does what it is told: it repeats its instructions.
    provider.fail({"kind": "reveal", "times": len(INJECTIONS) // 2})
    headers = {"apikey": scene.stack.publishable_key}
    answers = []
    for words in INJECTIONS:
        body = {
            "sessionId": page.session_id,
            "userId": page.owner_id,
            "message": words.format(id=victim.user_id),
        }
        answers.append((await client.post(CHAT, json=body, headers=headers)).text)
    return victim.found(provider_bodies(provider)), victim.found(" ".join(answers))


async def test_fault_17_a_visitor_is_told_what_the_page_is_for(
    scene: Scene, client: httpx.AsyncClient, provider: Provider
) -> None:
    """A visitor who asks for everything moves the model to see, and to say, no more than the listed columns."""
    with logs_of(scene.stack) as logs:
        sent, said = await told_to_a_visitor(scene, client, provider, scene.open)
        assert {column for column in sent | said if not is_told(column)} == set()
        assert "products.name" in sent, "the page tells nothing at all"
        assert await told_to_a_visitor(scene, client, provider, scene.shut) == (set(), set())
    assert scene.leaks("".join(logs)) == set()


@pytest.mark.soak
def test_fault_17_thousands_of_statements_meet_no_canary(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """4,000 more statements, from another seed."""
    show(capsys, "statements", statements_leak_nothing(scene, seed=2, count=4000))


@pytest.mark.soak
async def test_fault_17_thousands_of_requests_meet_no_canary(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    """2,000 more requests, from another seed: 6,000 probes here, beside the 1,300 of every run."""
    show(capsys, "requests", await requests_leak_nothing(scene, client, provider, seed=2, count=2000))
