"""The basis of the isolation proof: its exceptions are exactly the open rows, and its probes find a leak."""

import json
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.conftest import Database
from tests.proofs.canaries import NOBODYS, Connection
from tests.proofs.http_probes import GENERATE, HttpProbe, send_probes
from tests.proofs.open_rows import OPEN_TO_CALL, OPEN_TO_READ, OPEN_TO_WRITE
from tests.proofs.sql_probes import SqlProbe, SqlProbes
from tests.proofs.two_workspaces import Scene, make_history, provider_bodies
from tests.provider import Provider
from tests.sql.money import written
from tests.sql.roles import Key, acting_as
from tests.users import access_token

OPEN_POLICIES = """
select tablename, policyname from pg_policies
where schemaname = 'public' and permissive = 'PERMISSIVE' and roles && '{anon,public}'
  and (cmd = 'ALL' or (cmd = 'SELECT') = %s)"""
OPEN_FUNCTIONS = """
select case nspname when 'public' then proname else nspname || '.' || proname end
from pg_proc join pg_namespace space on space.oid = pronamespace
where nspname in ('public', 'nexscout') and has_function_privilege('anon', pg_proc.oid, 'execute')"""


def open_policies(connection: Connection, *, to_read: bool) -> dict[str, set[str]]:
    """Return the tables that the anonymous key reaches by a policy, with these policies."""
    found: dict[str, set[str]] = {}
    for table, policy in connection.execute(OPEN_POLICIES.encode(), [to_read]).fetchall():
        found.setdefault(str(table), set()).add(str(policy))
    return found


def test_what_is_open_is_written_down(database: Database) -> None:
    """The document names exactly the policies and functions that admit the anonymous key."""
    assert open_policies(database, to_read=True) == OPEN_TO_READ
    assert open_policies(database, to_read=False) == OPEN_TO_WRITE
    assert {name for (name,) in database.execute(OPEN_FUNCTIONS.encode()).fetchall()} == set(OPEN_TO_CALL)


def test_what_is_open_is_really_read(scene: Scene) -> None:
    """Each listed table gives the anonymous key a word of the open page, so that the list has no needless entry."""
    with psycopg.connect(scene.stack.database_url) as connection:
        for table in OPEN_TO_READ:
            answer = SqlProbe(Key("anon"), f"select * from public.{table}").reply(connection)
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
    """A hole in one table is found there, and only there, by the same number of statements as in the proof."""
    table, statement = HOLES[hole]
    with psycopg.connect(scene.stack.database_url) as connection:
        connection.execute("set lock_timeout = '20s'")
        connection.execute(statement.encode())
        leaked = {
            column.split(".")[0]
            for probe in SqlProbes(connection, seed=1).make(scene.roles(), scene.victims(), 1000)
            for column in scene.closed(probe.reply(connection))
        }
        connection.rollback()
    assert leaked == {table}


# The functions' calls under the service key, with the attacker as owner and the victim's ids: no row of the victim.
FOREIGN_CALLS = {
    "ai_configuration_of": "select public.ai_configuration_of(%(owner)s)",
    "ai_prospect_of": "select public.ai_prospect_of(%(owner)s, %(prospects)s)",
    "scan_owner": "select public.scan_owner(%(scans)s, %(owner)s)",
    "chat_open": "select public.chat_open(%(public_chat_sessions)s, %(owner)s, 'Hi', %(reservation)s)",
    "chat_answer": "select public.chat_answer(%(owner)s, %(answer)s)",
    "assistant_open": "select public.assistant_open(%(assistant_conversations)s, %(reservation)s)",
}


@pytest.mark.parametrize("function", FOREIGN_CALLS)
def test_fault_17_service_functions_know_the_owner_alone(scene: Scene, function: str) -> None:
    """With an owner and another user's id, a function of the list returns and changes nothing of that user."""
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
    """Each table of the API has a row of both victims with a word in each text, or belongs to no workspace."""
    found = scene.database.execute(
        "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
    ).fetchall()
    for victim in scene.victims():
        assert {str(name) for (name,) in found} == victim.ids.keys() | NOBODYS


async def test_the_requests_would_show_a_leak(
    scene: Scene, client: httpx.AsyncClient, provider: Provider
) -> None:
    """The victim's own words appear in the victim's replies and at the provider, so a leak would be noticed."""
    scene.database.execute(
        "update public.user_energy set current_energy = 100000 where user_id = %s", [scene.open.user_id]
    )
    provider.reset()
    own = {
        "apikey": scene.stack.publishable_key,
        "authorization": f"Bearer {access_token(scene.stack, scene.open.user_id)}",
    }
    body = {"generationType": "message", "prospectId": scene.open.ids["prospects"], "tone": "friendly"}
    (answer,) = await send_probes(client, [HttpProbe("POST", GENERATE, own, {}, body)])
    assert "prospects.full_name" in scene.leaks(answer.text)
    assert "prospects.full_name" in scene.leaks(provider_bodies(provider))
    assert not scene.opened_by_the_page(answer)
    await make_history(scene, client)
    stored = HttpProbe("GET", f"{GENERATE}/requests/{scene.open.ids['ai_jobs']}", own)
    assert "ai_jobs.reply" in scene.leaks((await send_probes(client, [stored]))[0].text)
