"""One read of everything in a user's prompts, and the version that shows when it changed."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.roles import ADMINISTRATOR, KEYS, OTHER, OWNER, acting_as, make_users, undone
from tests.sql.samples import SAMPLES, add

CONFIGURED = [
    "profiles",
    "workspace_configs",
    "company_profiles",
    "products",
    "company_intelligence_v2",
    "chatbot_settings",
    "public_chatbot_training_data",
    "ai_settings",
    "ai_system_instructions",
]
# Tables whose policies show a row to other users than its owner, too.
WORKSPACES = {"owner": OWNER, "other": OTHER, "administrator": ADMINISTRATOR}


def run(connection: psycopg.Connection, statement: str, *values: object) -> psycopg.Cursor:
    """Run one statement."""
    return connection.execute(statement.encode(), values)


def load(connection: psycopg.Connection, who: str) -> dict[str, Any]:
    """Return the configuration that a key loads for itself."""
    with acting_as(connection, KEYS[who]):
        row = run(connection, "select public.load_ai_configuration()").fetchone()
    assert row is not None
    loaded: dict[str, Any] = row[0]
    return loaded


def version(connection: psycopg.Connection, user_id: str = OWNER) -> int:
    """Return the stored version of a user's configuration."""
    row = run(
        connection, "select version from public.ai_config_versions where user_id = %s", user_id
    ).fetchone()
    return 0 if row is None else int(row[0])


def fill_workspace(connection: psycopg.Connection, name: str, user_id: str) -> None:
    """Insert a user's row in every table of the configuration, each with a canary with the user's name."""
    canary = f"canary-of-{name}"
    for statement in (
        "insert into public.profiles (id, full_name, email, unique_user_id) values (%s, %s, 'x', gen_random_uuid())",
        """insert into public.workspace_configs (workspace_id, company)
           values (%s, jsonb_build_object('name', %s::text))""",
        "insert into public.company_profiles (user_id, company_name) values (%s, %s)",
        "insert into public.products (user_id, name, main_category) values (%s, %s, 'health')",
        """insert into public.company_intelligence_v2 (user_id, brand_voice, company_name, primary_url)
           values (%s, jsonb_build_object('tone', %s::text), 'x', 'x')""",
        "insert into public.ai_settings (user_id, tone) values (%s, %s)",
        "insert into public.ai_system_instructions (user_id, instructions) values (%s, %s)",
    ):
        run(connection, statement, user_id, canary)


@pytest.mark.parametrize("who", WORKSPACES)
def test_configuration_holds_one_workspace_only(who: str, connection: psycopg.Connection) -> None:
    """Nobody loads another user's rows: not an administrator, and not where a policy would show them."""
    for name, user_id in WORKSPACES.items():
        fill_workspace(connection, name, user_id)
    loaded = str(load(connection, who))
    assert {name: loaded.count(f"canary-of-{name}") for name in WORKSPACES} == {
        name: 7 if name == who else 0 for name in WORKSPACES
    }


def test_policies_alone_would_show_other_workspaces(connection: psycopg.Connection) -> None:
    """The filter by the owner's id is a separate check: without it these tables show another user's rows."""
    fill_workspace(connection, "owner", OWNER)
    shown = {}
    for table, column in (
        ("products", "user_id"),
        ("company_profiles", "user_id"),
        ("workspace_configs", "workspace_id"),
    ):
        with acting_as(connection, KEYS["administrator"]):
            shown[table] = run(connection, f"select from public.{table} where {column} = %s", OWNER).rowcount
    assert shown == {"products": 1, "company_profiles": 1, "workspace_configs": 1}


def test_configuration_of_an_empty_workspace(connection: psycopg.Connection) -> None:
    """Missing values are null or empty, and the version without a change is 0."""
    assert load(connection, "owner") == {
        "user_id": OWNER,
        "version": 0,
        "profile": None,
        "workspace": None,
        "company": None,
        "intelligence": None,
        "products": [],
        "ai_settings": None,
        "instructions": [],
    }


def test_configuration_leaves_private_fields_out(connection: psycopg.Connection) -> None:
    """The share token and the crawled text of a company are not part of a prompt."""
    run(
        connection,
        """insert into public.company_profiles (user_id, company_name, tagline, share_token, website_content)
           values (%s, 'Reyes Wellness', 'Feel well', 'secret-token', 'crawled-text')""",
        OWNER,
    )
    company = load(connection, "owner")["company"]
    assert (company["company_name"], company["tagline"]) == ("Reyes Wellness", "Feel well")
    assert not {"share_token", "website_content", "user_id"} & company.keys()


def test_configuration_has_the_newest_fifty_active_products(connection: psycopg.Connection) -> None:
    """Of 52 active products the newest 50 are returned, newest first; an inactive one is not."""
    run(
        connection,
        """insert into public.products (user_id, name, main_category, active, created_at)
           select %s, 'product ' || place, 'x', place <> 53, timestamptz '2026-01-01' + place * interval '1 day'
           from generate_series(1, 53) as place""",
        OWNER,
    )
    names = [product["name"] for product in load(connection, "owner")["products"]]
    assert names == [f"product {place}" for place in range(52, 2, -1)]


def test_configuration_has_the_newest_intelligence(connection: psycopg.Connection) -> None:
    """Of two crawls the one that changed last is used, with three of its parts."""
    for day, tone in (("2026-01-02", "new"), ("2026-01-01", "old")):
        run(
            connection,
            """insert into public.company_intelligence_v2
                 (user_id, company_name, primary_url, company_identity, brand_voice, raw_text, updated_at)
               values (%s, 'x', 'x', '{"name": "R"}', %s, 'crawled', %s)""",
            OWNER,
            Jsonb({"tone": tone}),
            day,
        )
    assert load(connection, "owner")["intelligence"] == {
        "company_identity": {"name": "R"},
        "brand_voice": {"tone": "new"},
        "marketing_intelligence": {},
    }


def test_configuration_has_active_instructions_in_order(connection: psycopg.Connection) -> None:
    """Texts are in the order in which they were written; inactive ones are omitted."""
    for day, text, active in (("02", "second", True), ("01", "first", True), ("03", "off", False)):
        run(
            connection,
            """insert into public.ai_system_instructions (user_id, instructions, is_active, created_at)
               values (%s, %s, %s, %s)""",
            OWNER,
            text,
            active,
            f"2026-01-{day}",
        )
    assert load(connection, "owner")["instructions"] == ["first", "second"]


def test_zero_and_empty_are_values(connection: psycopg.Connection) -> None:
    """A temperature of 0 and an automatic choice that is off are returned unchanged."""
    run(
        connection,
        "insert into public.ai_settings (user_id, temperature, language, auto_select_model) values (%s, 0, '', false)",
        OWNER,
    )
    assert load(connection, "owner")["ai_settings"] == {
        "default_model": None,
        "temperature": 0,
        "language": "",
        "tone": None,
        "auto_select_model": False,
    }


def test_without_a_user_there_is_no_configuration(connection: psycopg.Connection) -> None:
    """A token without a user gets null, not all rows."""
    fill_workspace(connection, "owner", OWNER)
    run(connection, "set local role authenticated")
    assert run(connection, "select public.load_ai_configuration()").fetchone() == (None,)


@pytest.mark.parametrize("table", CONFIGURED)
def test_every_change_raises_the_version_once(table: str, connection: psycopg.Connection) -> None:
    """Adding, changing and deleting a row each raise only the owner's version by one, whoever does it."""
    sample = SAMPLES[table]
    column, value = sample.change
    key = sample.key[0]
    with acting_as(connection, KEYS["service"]):
        add(connection, table, sample)
        assert version(connection) == 1
        run(
            connection, f"update public.{table} set {column} = %s where {key} = %s", value, sample.values[key]
        )
        assert version(connection) == 2
        run(connection, f"delete from public.{table} where {key} = %s", sample.values[key])
        assert version(connection) == 3
        assert version(connection, OTHER) == 0


def test_owner_s_own_change_raises_the_version(connection: psycopg.Connection) -> None:
    """The version rises although a user's key cannot write its table."""
    with acting_as(connection, KEYS["owner"]):
        run(connection, "insert into public.ai_settings (user_id) values (%s)", OWNER)
    assert load(connection, "owner")["version"] == 1


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("profiles", "streak_days = 9, coins_balance = 1, updated_at = now()"),
        ("public_chatbot_training_data", "usage_count = 9, last_used_at = now(), match_confidence = 0.5"),
        ("products", "updated_at = '2030-01-01'"),
        ("workspace_configs", "company = company"),
    ],
)
def test_change_of_nothing_that_is_loaded_keeps_the_version(
    table: str, change: str, connection: psycopg.Connection
) -> None:
    """Counters, time stamps and updates to the same value invalidate no cache."""
    add(connection, table, SAMPLES[table])
    run(connection, f"update public.{table} set {change}")
    assert version(connection) == 1


def test_row_that_moves_raises_both_versions(connection: psycopg.Connection) -> None:
    """A product given to another user changes two configurations."""
    add(connection, "products", SAMPLES["products"])
    run(connection, "update public.products set user_id = %s", OTHER)
    assert (version(connection), version(connection, OTHER)) == (2, 1)


def test_deleted_user_takes_the_version_along(connection: psycopg.Connection) -> None:
    """A deleted user's cascade succeeds, and leaves no version."""
    fill_workspace(connection, "owner", OWNER)
    run(connection, "delete from auth.users where id = %s", OWNER)
    assert version(connection) == 0


def test_version_and_rows_are_of_one_moment(migrated: str) -> None:
    """Before a change commits, a reader sees old rows with the old version; afterwards both are new."""
    with psycopg.connect(migrated) as writer, psycopg.connect(migrated, autocommit=True) as reader:
        make_users(writer)
        add(writer, "ai_settings", SAMPLES["ai_settings"])
        writer.commit()
        try:
            run(writer, "update public.ai_settings set tone = 'warm' where user_id = %s", OWNER)
            before = read_now(reader)
            writer.commit()
            after = read_now(reader)
        finally:
            writer.rollback()
            run(writer, "delete from auth.users where id in (%s, %s, %s)", OWNER, OTHER, ADMINISTRATOR)
    assert (before, after) == ((1, None), (2, "warm"))


def read_now(reader: psycopg.Connection) -> tuple[int, str | None]:
    """Return version and tone as a caller reads them now."""
    with reader.transaction(), undone(reader):
        loaded = load(reader, "owner")
    return loaded["version"], loaded["ai_settings"]["tone"]


def test_service_reads_the_configuration_of_one_owner(connection: psycopg.Connection) -> None:
    """Without a user token the service gets what the owner would load, and nothing of others."""
    for name, user_id in WORKSPACES.items():
        fill_workspace(connection, name, user_id)
    own = load(connection, "owner")
    with acting_as(connection, KEYS["service"]):
        row = run(connection, "select public.ai_configuration_of(%s)", OWNER).fetchone()
    assert row == (own,)


@pytest.mark.parametrize(("user_id", "found"), [(OWNER, 1), (OTHER, 0), (None, 0)])
def test_service_reads_a_prospect_of_its_owner_alone(
    user_id: str | None, found: int, connection: psycopg.Connection
) -> None:
    """A prospect is null for another owner's id, and without one."""
    sample = SAMPLES["prospects"]
    add(connection, "prospects", sample)
    with acting_as(connection, KEYS["service"]):
        row = run(
            connection, "select num_nonnulls(public.ai_prospect_of(%s, %s))", user_id, sample.values["id"]
        ).fetchone()
    assert row == (found,)
