"""The commands, the queries, and the code that copies traffic, in docs/cutover.md, do what the page says."""

import asyncio
import json
import os
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import psycopg
import pytest
import uvicorn
from botocore import xform_name

from functions.generate_ai_content.routes import router
from local.migrations.apply import apply
from local.project import PROJECT
from local.stack.stack import Stack
from shared.http.app import Envelope
from tests.apps import app_on
from tests.books import Books
from tests.calls import Api, orchestrated
from tests.conftest import Database, EmptyDatabase, NewUser
from tests.functions.shadow_effects import Log, Tenant, assert_recorded
from tests.provider import Provider
from tests.sql.money import Money, attempt
from tests.users import User

PAGE = (PROJECT / "docs" / "cutover.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)
SHELL = [block for language, block in BLOCKS if language == "sh"]
QUERIES = [block for language, block in BLOCKS if language == "sql"]
COMMANDS = "\n".join(SHELL).splitlines()
[SNIPPET] = [block for language, block in BLOCKS if language == "js"]
AWS = re.findall(r"\baws ([a-z-]+) ([a-z-]+) ((?:(?!\$\(aws ).)*)", "\n".join(COMMANDS))
TOOLS = [line for line in COMMANDS if line.startswith("npx ")]
Rows = list[tuple[Any, ...]]


def query(words: str) -> bytes:
    """Return the one query that contains these words."""
    [found] = [block for block in QUERIES if words in block]
    return str(found).encode()


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Paste into a shell in this folder."""
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail"],
        input=script, cwd=PROJECT, env=kept, text=True, capture_output=True, check=False,
    )  # fmt: skip


@asynccontextmanager
async def listening(app: Envelope) -> AsyncIterator[str]:
    """Yield the address of an app on its own port, on this event loop."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


# The page itself.


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    """Every block is shell, SQL, the one piece of JavaScript, or the one query of the logs."""
    assert sorted({language for language, _ in BLOCKS}) == ["js", "sh", "sql", "text"]
    read = run("bash -n <<'EOF'\n" + "".join(SHELL) + "EOF\n")
    assert (read.returncode, read.stderr) == (0, "")


def test_linked_pages_are_there() -> None:
    """Every linked file exists."""
    for page in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (PROJECT / "docs" / page).is_file(), page


def test_named_migrations_are_there() -> None:
    """The table names files in the migrations folder."""
    cells = re.findall(r"^\| ((?:`\d{14}`(?:, )?)+) \|", PAGE, flags=re.MULTILINE)
    versions = [version for cell in cells for version in re.findall(r"\d{14}", cell)]
    assert len(versions) == 6
    for version in versions:
        assert list((PROJECT / "supabase" / "migrations").glob(f"{version}_*.sql"))


def test_the_database_is_migrated_as_it_is_written(empty_database: EmptyDatabase) -> None:
    """The commands list the migrations, apply them, and verify the database."""
    [block] = [block for block in SHELL if "nexscout migrate" in block]
    done = run(block, DATABASE_URL=empty_database())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("service", "operation", "rest"), AWS)
def test_aws_knows_the_command(service: str, operation: str, rest: str) -> None:
    """Service, operation and options are in botocore's description of the AWS interface."""
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    assert shape is not None
    known = {f"--{xform_name(member, '-')}" for member in shape.members} | {"--query", "--output"}
    assert set(re.findall(r"--[a-z-]+", rest)) <= known


@pytest.mark.parametrize("command", TOOLS)
def test_the_tool_knows_the_command(command: str) -> None:
    """The help of the tool lists the command and its options."""
    tool, *words = command.split(" --", 1)[0].split()[1:]
    named = words[:1] if tool == "osls" else words[:2]
    helped = run(f"npx --no-install {tool} {' '.join(named)} --help")
    assert helped.returncode == 0, helped.stderr
    for option in re.findall(r" --([a-z]+)", command):
        assert f"--{option}" in helped.stdout, option


def test_parameters_of_the_deployment_are_read() -> None:
    """The configuration reads every parameter that the page sets."""
    sources = [PROJECT / "serverless.yml", *(PROJECT / "deploy").iterdir()]
    known = {name for path in sources for name in re.findall(r"param:(\w+)", path.read_text())}
    assert {"shadow", "distribution"} == set(re.findall(r"--param (\w+)=", PAGE)) <= known


@pytest.mark.parametrize("shadow", [True, False])
async def test_health_says_whether_users_may_be_sent_there(stack: Stack, *, shadow: bool) -> None:
    """The command of both steps prints the shadow mark only in shadow mode."""
    [block, again] = [block for block in SHELL if "/health" in block]
    assert block == again
    async with (
        app_on(stack, "generate-ai-content", router, SHADOW=str(shadow)) as app,
        listening(app) as address,
    ):
        looked = await asyncio.to_thread(run, block, API=address)
    assert looked.returncode == 0, looked.stderr
    assert ('"shadow":true' in looked.stdout, '"status":"ok"' in looked.stdout) == (shadow, True)


# The copies.


async def old_function(
    folder: Path, user: User, stack: Stack, body: object, method: str = "POST", **env: str
) -> list[dict[str, Any]]:
    """Answer one request of the user by an old function that sends copies; return what it prints."""
    code = folder / "shadow.mjs"
    code.write_text(SNIPPET)
    request: dict[str, object] = {
        "path": "generate-ai-content",
        "method": method,
        "headers": {
            "authorization": f"Bearer {user.access_token}",
            "apikey": stack.publishable_key,
            "content-type": "application/json",
            "idempotency-key": "of-the-real-call",
        },
    }
    if method == "POST":
        request["body"] = json.dumps(body)
    node = await asyncio.create_subprocess_exec(
        "node", str(Path(__file__).with_name("shadow_copy.mjs")), str(code),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], **env},
    )  # fmt: skip
    printed, _ = await node.communicate(json.dumps(request).encode())
    assert node.returncode == 0
    return [json.loads(line) for line in printed.splitlines()]


async def test_a_copy_reaches_the_shadow_and_the_caller_gets_the_old_answer(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider, tmp_path: Path
) -> None:
    """The old function gets the whole body; the shadow gets the same, and both log the same id."""
    user, body = new_user(), orchestrated()
    tenant = Tenant(database, user.id)
    before = tenant.rows()
    async with (
        app_on(stack, "generate-ai-content", router, SHADOW="true") as app,
        listening(app) as address,
    ):
        log = Log()
        env = {"SHADOW_URL": address, "SHADOW_SHARE": "1"}
        logged, answered, end = await old_function(tmp_path, user, stack, body, **env)
    assert answered == {"status": 201, "answer": "the old one's", "body_received": json.dumps(body)}
    assert end == {"copies": 1}
    (finished,) = log.finished()
    assert (logged["event"], logged["id"], logged["status"]) == ("shadowed", finished["echo_id"], 201)
    assert_recorded(tenant, provider)
    assert tenant.rows() == before
    # The fields of the log query exist; `code` is only in the lines of errors.
    [asked] = [block for language, block in BLOCKS if language == "text"]
    assert {"event", "shadow", "ms", "function", "status"} <= finished.keys()
    assert not set(re.findall(r"\w+", asked.partition("by ")[2])) - finished.keys() - {"code"}


@pytest.mark.parametrize(
    ("method", "env"),
    [
        ("POST", {"SHADOW_URL": "http://127.0.0.1:9", "SHADOW_SHARE": "0"}),
        ("POST", {"SHADOW_URL": "http://127.0.0.1:9"}),
        ("POST", {"SHADOW_SHARE": "1"}),
        ("GET", {"SHADOW_URL": "http://127.0.0.1:9", "SHADOW_SHARE": "1"}),
    ],
)
async def test_nothing_is_copied_unless_it_is_asked_for(
    method: str, env: dict[str, str], stack: Stack, new_user: NewUser, tmp_path: Path
) -> None:
    """Without a share, an address or a body, only the old function is called."""
    answered, end = await old_function(tmp_path, new_user(), stack, {}, method, **env)
    assert (answered["status"], end) == (201, {"copies": 0})


async def test_a_shadow_that_is_down_changes_no_answer(
    stack: Stack, new_user: NewUser, tmp_path: Path
) -> None:
    """The copy is lost without any effect on the caller."""
    env = {"SHADOW_URL": "http://127.0.0.1:9", "SHADOW_SHARE": "1"}
    logged, answered, end = await old_function(tmp_path, new_user(), stack, {}, **env)
    assert (logged["status"], answered["answer"], end) == (201, "the old one's", {"copies": 1})


# The queries.


@pytest.fixture
def money(empty_database: EmptyDatabase) -> Iterator[Money]:
    """Return the money functions in a database of the test."""
    url = empty_database()
    apply(url)
    with (
        psycopg.connect(url, autocommit=True, options="-c role=service_role") as service,
        psycopg.connect(url, autocommit=True) as admin,
    ):
        yield Money(service, admin)


def rows(money: Money, statement: bytes) -> Rows:
    """Return the rows of a query of the page."""
    return money.admin.execute(statement).fetchall()


def test_the_queries_of_the_shadow_return_its_calls_alone(money: Money) -> None:
    """The queries show two delivered copies, one that failed and one over the cap; the real call is in none of them."""
    user = money.account()
    money.settle(money.held(user), model_class="premium")
    for latency_ms in (1000, 2000):
        money.settle(money.held(user, shadow=True), model_class="premium", latency_ms=latency_ms)
    money.release(money.held(user, shadow=True), attempt(1, "failed", cost_usd="0.001"))
    with money.policy(shadow_cost_usd_per_day=0):
        money.reserve(user, shadow=True)
    money.held(user, shadow=True)
    served, unserved = rows(money, query("as answered,\n  percentile_cont(0.5)"))
    assert served[:5] == ("generate-ai-content", "ai_message", "gpt-4o", 3, 2)
    assert served[5:7] == (1500, 1950)
    # Two calls of 1,100 tokens for 0.0035 USD, and the failed one of 1,100 for 0.001.
    assert served[7:] == (3300, Decimal("0.008"))
    assert unserved[2:5] == (None, 1, 0)
    assert sorted(rows(money, query("where shadow and not success"))) == [
        ("generate-ai-content", "ai_message", "provider_error", 1),
        ("generate-ai-content", "ai_message", "spend_cap_reached", 1),
    ]
    # The open call counts with its bound of 0.02.
    assert rows(money, query("as used_usd")) == [(Decimal("0.028"), 5)]


def test_the_cap_is_set_as_it_is_written(money: Money) -> None:
    """The number on the page equals the default."""
    money.admin.execute("update public.ai_policy set shadow_cost_usd_per_day = 1")
    money.admin.execute(query("set shadow_cost_usd_per_day"))
    assert money.value("select shadow_cost_usd_per_day from public.ai_policy") == 5


def test_the_last_hour_shows_what_was_served_and_what_failed(money: Money) -> None:
    """The query shows one delivered call, one failed at the provider, one without energy, and no shadow call."""
    user, poor = money.account(), money.account(energy=0)
    money.settle(money.held(user), model_class="premium", latency_ms=1200)
    money.release(money.held(user), attempt(1, "failed", cost_usd="0"))
    money.reserve(poor)
    money.settle(money.held(user, shadow=True))
    [row] = rows(money, query("interval '1 hour'"))
    assert row == ("generate-ai-content", 3, 1, 1, 1200, 10, Decimal("0.0035"))


def test_a_balance_that_is_not_its_ledger_is_found(money: Money) -> None:
    """No row while every change is recorded; one row after a change that bypassed the trigger."""
    user = money.account()
    money.settle(money.held(user), model_class="premium")
    money.add_energy(user, -5)
    statement = query("is distinct from")
    assert rows(money, statement) == []
    with money.admin.transaction(force_rollback=True):
        money.admin.execute("alter table public.user_energy disable trigger record_energy_change")
        money.admin.execute("update public.user_energy set current_energy = 1 where user_id = %s", [user])
        assert rows(money, statement) == [(user, 1)]


def test_a_call_that_both_sides_charged_is_found(money: Money) -> None:
    """A charge here and by old server code in the same minute is a row; either alone is not."""
    both, here, there = (money.account() for _ in range(3))
    for user in (both, here):
        money.settle(money.held(user), model_class="premium")
    for user in (both, there):
        money.add_energy(user, -20)
    [found] = rows(money, query("energy_there"))
    assert found[:4] == (both, "ai_message", 10, 20)


def test_functions_that_write_money_for_a_browser_are_found(money: Money) -> None:
    """None of our functions is a row; an app's function is one until nobody may call it."""
    statement = query("writes_money")
    assert rows(money, statement) == []
    money.admin.execute(
        """create function public.spend(cost integer) returns void language sql security definer as
           'update public.user_energy set current_energy = current_energy - cost where user_id = auth.uid()'"""
    )
    assert rows(money, statement) == [("spend(integer)",)]
    money.admin.execute("revoke execute on function public.spend(integer) from public, anon, authenticated")
    assert rows(money, statement) == []


# Nobody pays twice.


async def test_old_browser_code_takes_nothing_beside_the_charge(
    stack: Stack, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Old code asks, reads the balance, writes it back less the price, and records it: 10 are charged, once."""
    user = new_user(energy=100)
    database.execute("update public.profiles set coin_balance = 50 where id = %s", [user.id])
    headers = {"apikey": stack.publishable_key, "authorization": f"Bearer {user.access_token}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=30) as browser:
        reply = await Api(browser, stack.publishable_key)(user, orchestrated())
        energy = {"current_energy": 80}
        replies = [
            await browser.patch(f"/rest/v1/user_energy?user_id=eq.{user.id}", json=energy),
            await browser.patch(f"/rest/v1/profiles?id=eq.{user.id}", json={"coin_balance": 30}),
            await browser.post(
                "/rest/v1/energy_transactions",
                json={"user_id": user.id, "type": "spend", "reason": "ai", "energy": 10, "balance_after": 80},
            ),
        ]
    assert reply.json()["meta"]["energyConsumed"] == 10
    assert [answer.is_success for answer in replies] == [True, True, True]
    assert Books(database, user).energy() == 90
    assert Books(database, user).ledger() == [-10]
    coins = database.execute("select coin_balance from public.profiles where id = %s", [user.id])
    assert coins.fetchone() == (50,)
    summed = database.execute(
        "select sum(delta) from public.energy_transactions where user_id = %s", [user.id]
    )
    assert summed.fetchone() == (90,)
    assert len(provider.requests()) == 1
