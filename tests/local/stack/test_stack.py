"""What a started stack provides."""

import httpx
import psycopg
import pytest

from local.migrations.apply import apply
from local.problem import Problem
from local.seed import DEMO, OTHER, seed
from local.stack.stack import Stack, refuse_other_migrations
from tests.conftest import Database, EmptyDatabase

LINES = [
    "SUPABASE_URL",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_SECRET_KEY",
    "DATABASE_URL",
    "OPENAI_BASE_URL",
    "DEMO_EMAIL",
    "DEMO_PASSWORD",
    "DEMO_USER_ID",
    "DEMO_CHAT_SLUG",
    "OTHER_EMAIL",
    "OTHER_PASSWORD",
    "OTHER_USER_ID",
    "SUPABASE_JWT_SECRET",
    "SUPABASE_JWT_ISSUER_REQUIRED",
    "OPENAI_API_KEY",
    "SCAN_QUEUE_URL",
    "JOB_QUEUE_URL",
    "AWS_ENDPOINT_URL_SQS",
]


def test_env_file_has_every_line_filled(stack: Stack) -> None:
    """The file has the twelve documented lines, and what the functions need besides."""
    written = dict(line.split("=", 1) for line in (stack.folder / "env").read_text().splitlines())
    assert list(written) == LINES
    assert all(written.values())


def test_postgres_role_is_no_superuser(database: Database) -> None:
    """Migrations run with the same rights as on a hosted project."""
    wanted = (
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
    )
    assert database.execute(wanted).fetchone() == (False, True, True, True)


def test_new_table_is_granted_to_the_api_roles(empty_database: EmptyDatabase) -> None:
    """As on a hosted project, row-level security is the only barrier of a new table."""
    with psycopg.connect(empty_database(), autocommit=True) as connection:
        connection.execute("create table public.probe (id int)")
        wanted = "select has_table_privilege(role, 'public.probe', 'insert') from unnest(%s::text[]) role"
        rows = connection.execute(wanted, [["anon", "authenticated", "service_role"]]).fetchall()
    assert rows == [(True,), (True,), (True,)]


def test_empty_database_has_auth_and_no_table_of_ours(empty_database: EmptyDatabase) -> None:
    """It is in the state in which a migration finds an empty project."""
    with psycopg.connect(empty_database()) as connection:
        wanted = "select to_regclass('auth.users') is null, to_regclass('public.profiles') is null"
        assert connection.execute(wanted).fetchone() == (False, True)


def test_seeding_again_changes_nothing(stack: Stack, database: Database) -> None:
    """A second start finds its example data and does not change it, energy included."""
    counted = (
        "select (select count(*) from public.prospects), (select count(*) from public.energy_transactions)"
    )
    before = database.execute(counted).fetchone()
    assert seed(stack.database_url, stack.upstream_url, stack.publishable_key) == stack.people
    assert database.execute(counted).fetchone() == before


@pytest.mark.parametrize(
    ("email", "tier", "energy", "names"),
    [
        (DEMO.email, "pro", 500, {"Maria Santos", "Jun dela Cruz", "Aileen Bautista"}),
        (OTHER.email, "free", 100, {"Carlo Reyes", "Grace Lim"}),
    ],
)
def test_example_workspace_is_complete(
    stack: Stack, database: Database, email: str, tier: str, energy: int, names: set[str]
) -> None:
    """Each owner has a tier, that tier's energy, prospects, a product and a company."""
    owner = stack.people[email]
    account = "select tier, max_energy from public.user_energy where user_id = %s"
    assert database.execute(account, [owner]).fetchone() == (tier, energy)
    prospects = database.execute(
        "select full_name from public.prospects where user_id = %s", [owner]
    ).fetchall()
    assert {row[0] for row in prospects} == names
    for table in ("products", "company_profiles", "public_chatbot_training_data", "chatbot_links"):
        found = database.execute(f"select count(*) > 0 from public.{table} where user_id = %s", [owner])
        assert found.fetchone() == (True,), table


def test_chat_page_is_found_by_its_slug(stack: Stack) -> None:
    """With the anonymous key, the public page finds the workspace's owner by the slug."""
    reply = httpx.get(
        f"{stack.url}/rest/v1/chatbot_settings?select=user_id&fixed_chatbot_id=eq.{stack.env['DEMO_CHAT_SLUG']}",
        headers={"apikey": stack.publishable_key},
    )
    assert reply.json() == [{"user_id": stack.people[DEMO.email]}]


def test_example_user_signs_in(stack: Stack) -> None:
    """The printed e-mail and password work."""
    reply = httpx.post(
        f"{stack.url}/auth/v1/token?grant_type=password",
        headers={"apikey": stack.publishable_key},
        json={"email": DEMO.email, "password": DEMO.password},
    )
    assert reply.json()["user"]["id"] == stack.people[DEMO.email]


@pytest.mark.parametrize(
    "trace",
    [
        "update nexscout.migration_files set sha256 = '' where version = '20251203121000'",
        "insert into nexscout.migration_files values ('20251203131000', 'ai_reserve', '')",
        "insert into supabase_migrations.schema_migrations (version) values ('20251203131000')",
    ],
)
def test_data_of_an_older_checkout_asks_for_a_reset(trace: str, empty_database: EmptyDatabase) -> None:
    """A database that other migrations have made is told as such, with the remedy, and not migrated."""
    url = empty_database()
    apply(url)
    refuse_other_migrations(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(trace.encode())
    with pytest.raises(Problem, match="`make dev RESET=1` starts from nothing"):
        refuse_other_migrations(url)


def test_new_migrations_ask_for_no_reset(empty_database: EmptyDatabase) -> None:
    """A database that lacks the newest files is brought up to date."""
    url = empty_database()
    apply(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("delete from nexscout.migration_files where version > '20251203122000'")
    refuse_other_migrations(url)
