"""Every table, every key, every verb: what happens to a row of the owner's."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from local.stack import Stack
from tests.sql.acting import KEYS, Key, acting_as, make_users, undone
from tests.sql.samples import SAMPLES, VIEWS, Sample

# A cell tells select, insert, update and delete, in this order. A capital: done. A small letter: taken without an
# error and without an effect. A dash: no row is met. A cross: refused.
EXPECTED = """
table                          owner  other  administrator  anonymous  service
admin_users                    Sx--   -x--   -x--           -x--       SIUD
profiles                       SIU-   -x--   -x--           -x--       SIUD
workspace_configs              SIU-   -x--   Sx--           -x--       SIUD
prospects                      SIUD   -x--   -x--           -x--       SIUD
company_profiles               Sx--   Sx--   Sx--           Sx--       SIUD
products                       SIUD   Sx--   Sx--           Sx--       SIUD
company_intelligence_v2        SIUD   -x--   -x--           -x--       SIUD
chatbot_settings               SIU-   Sx--   Sx--           Sx--       SIUD
chatbot_links                  Sx--   Sx--   Sx--           Sx--       SIUD
public_chatbot_training_data   Sx--   Sx--   Sx--           Sx--       SIUD
public_chat_sessions           SIU-   SIu-   SIu-           SIu-       SIUD
public_chat_messages           SI--   SI--   SI--           SI--       SIUD
chatbot_to_prospect_pipeline   SIU-   -x--   -x--           -x--       SIUD
notifications                  -x--   -x--   -x--           -x--       SIUD
scans                          SIUD   -x--   -x--           -x--       SIUD
scan_status                    SIU-   -x--   -x--           -x--       SIUD
scan_processed_items           SIUD   -x--   -x--           -x--       SIUD
scan_results                   SIU-   -x--   -x--           -x--       SIUD
ai_generations                 SIU-   -x--   -x--           -x--       SIUD
coin_transactions              SI--   -x--   -x--           -x--       SIUD
user_energy                    SIu-   -x--   -x--           -x--       SIUD
energy_transactions            SI--   -x--   -x--           -x--       SIxx
energy_costs                   Sx--   Sx--   Sx--           -x--       SIUD
ai_settings                    SIUD   -x--   -x--           xxxx       SIUD
ai_system_instructions         SIUD   -x--   -x--           xxxx       SIUD
assistant_conversations        SxxD   -xx-   -xx-           xxxx       SIUD
assistant_messages             Sxxx   -xxx   -xxx           xxxx       SIUD
ai_config_versions             Sxxx   -xxx   -xxx           xxxx       SIUD
ai_policy                      Sx--   Sx--   Sx--           -x--       SIUD
ai_tiers                       Sx--   Sx--   Sx--           -x--       SIUD
ai_action_prices               Sx--   Sx--   Sx--           -x--       SIUD
ai_spend_caps                  Sx--   -x--   -x--           -x--       SIUD
ai_charge_groups               xxxx   xxxx   xxxx           xxxx       SIUD
ai_requests                    Sxxx   -xxx   -xxx           xxxx       SIUD
ai_usage_attempts              Sxxx   -xxx   Sxxx           xxxx       SIUD
ai_usage_logs                  Sxxx   -xxx   Sxxx           xxxx       SIUD
daily_ai_usage_summary         S      -      S              x          S
monthly_ai_usage_by_user       S      -      S              x          S
ai_model_usage_stats           S      -      S              x          S
"""
LINES = [line.split() for line in EXPECTED.strip().splitlines()]
CELLS = {line[0]: dict(zip(LINES[0][1:], line[1:], strict=True)) for line in LINES[1:]}


@pytest.fixture
def connection(stack: Stack) -> Iterator[psycopg.Connection]:
    """A transaction with the three users that is rolled back."""
    with psycopg.connect(stack.database_url) as opened:
        make_users(opened)
        yield opened
        opened.rollback()


def add(connection: psycopg.Connection, table: str, sample: Sample) -> int:
    """Insert the row; gives how many rows were."""
    statement = sql.SQL("insert into public.{} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, sample.values)),
        sql.SQL(", ").join(sql.Placeholder() * len(sample.values)),
    )
    return connection.execute(statement, list(sample.values.values())).rowcount


def on_row(
    connection: psycopg.Connection, start: str, table: str, sample: Sample, *values: object
) -> psycopg.Cursor:
    """Run a statement that begins as given on the row alone."""
    condition = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in sample.key)
    statement = sql.SQL("{} where {}").format(
        sql.SQL(start).format(table=sql.Identifier(table), column=sql.Identifier(sample.change[0] or "id")),
        condition,
    )
    return connection.execute(statement, [*values, *(sample.values[name] for name in sample.key)])


def make_room(connection: psycopg.Connection, table: str, sample: Sample) -> None:
    """Put the rows that the row leans on in their places, and take away what seeds and triggers put into its own."""
    for needed in sample.needs:
        make_room(connection, needed, SAMPLES[needed])
        add(connection, needed, SAMPLES[needed])
    if table in SAMPLES:
        on_row(connection, "delete from public.{table}", table, sample)


def selected(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """S, or a dash."""
    with acting_as(connection, key):
        found = on_row(connection, "select from public.{table}", table, sample)
    return "S" if found.rowcount else "-"


def inserted(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """I; what else can happen is a refusal."""
    with acting_as(connection, key):
        return "I" if add(connection, table, sample) else "-"


def updated(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """U where the value changed, u where the statement passed and the value did not, or a dash."""
    value = sample.change[1]
    with acting_as(connection, key):
        met = on_row(connection, "update public.{table} set {column} = %s", table, sample, value)
    now = on_row(
        connection, "select {column} is not distinct from %s from public.{table}", table, sample, value
    )
    return "-" if not met.rowcount else "U" if now.fetchone() == (True,) else "u"


def deleted(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """D, or a dash."""
    with acting_as(connection, key):
        met = on_row(connection, "delete from public.{table}", table, sample)
    return "D" if met.rowcount else "-"


TRIALS = {"select": selected, "insert": inserted, "update": updated, "delete": deleted}


def outcome(connection: psycopg.Connection, verb: str, key: Key, table: str, sample: Sample) -> str:
    """One mark: what happens when a key tries a verb; nothing of it stays."""
    with undone(connection):
        make_room(connection, table, sample)
        if table in SAMPLES and verb != "insert":
            add(connection, table, sample)
        try:
            return TRIALS[verb](connection, key, table, sample)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation):
            return "x"


@pytest.mark.parametrize("table", CELLS)
def test_each_key_can_do_what_the_table_says(table: str, connection: psycopg.Connection) -> None:
    """All five keys try all verbs on a row that belongs to the owner."""
    verbs = ["select"] if table in VIEWS else list(TRIALS)
    sample = (SAMPLES | VIEWS)[table]
    tried = {
        name: "".join(outcome(connection, verb, key, table, sample) for verb in verbs)
        for name, key in KEYS.items()
    }
    assert tried == CELLS[table]


def test_no_table_is_left_out(connection: psycopg.Connection) -> None:
    """Every table and view that the API exposes stands in the expected table."""
    exposed = connection.execute(
        """select relname from pg_class
           where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')"""
    ).fetchall()
    assert {name for (name,) in exposed} == set(CELLS)
