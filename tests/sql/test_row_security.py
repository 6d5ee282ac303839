"""Every table, every key, every verb: the effect on a row of the owner."""

import psycopg
import pytest

from tests.sql.roles import KEYS, Key, acting_as, undone
from tests.sql.samples import SAMPLES, VIEWS, Sample, add, make_room, on_row

# A cell has select, insert, update and delete, in this order. A capital: done. A small letter: accepted without an
# error and without an effect. A dash: no row matches. A cross: refused.
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
ai_jobs                        Sxxx   -xxx   -xxx           xxxx       SIUD
chat_leads                     Sxxx   -xxx   -xxx           xxxx       SIUD
scan_jobs                      Sxxx   -xxx   -xxx           xxxx       SIUD
scan_blocks                    xxxx   xxxx   xxxx           xxxx       SIUD
ai_usage_attempts              Sxxx   -xxx   Sxxx           xxxx       SIUD
ai_usage_logs                  Sxxx   -xxx   Sxxx           xxxx       SIUD
daily_ai_usage_summary         S      -      S              x          S
monthly_ai_usage_by_user       S      -      S              x          S
ai_model_usage_stats           S      -      S              x          S
"""
LINES = [line.split() for line in EXPECTED.strip().splitlines()]
CELLS = {line[0]: dict(zip(LINES[0][1:], line[1:], strict=True)) for line in LINES[1:]}


def selected(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """Return S, or a dash."""
    with acting_as(connection, key):
        found = on_row(connection, "select from public.{table}", table, sample)
    return "S" if found.rowcount else "-"


def inserted(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """Return I; otherwise it is refused."""
    with acting_as(connection, key):
        return "I" if add(connection, table, sample) else "-"


def updated(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """Return U if the value changed, u if the statement succeeded without an effect, or a dash."""
    value = sample.change[1]
    with acting_as(connection, key):
        met = on_row(connection, "update public.{table} set {column} = %s", table, sample, value)
    now = on_row(
        connection, "select {column} is not distinct from %s from public.{table}", table, sample, value
    )
    return "-" if not met.rowcount else "U" if now.fetchone() == (True,) else "u"


def deleted(connection: psycopg.Connection, key: Key, table: str, sample: Sample) -> str:
    """Return D, or a dash."""
    with acting_as(connection, key):
        met = on_row(connection, "delete from public.{table}", table, sample)
    return "D" if met.rowcount else "-"


TRIALS = {"select": selected, "insert": inserted, "update": updated, "delete": deleted}


def outcome(connection: psycopg.Connection, verb: str, key: Key, table: str, sample: Sample) -> str:
    """Return one mark: the result when a key tries a verb, which is undone."""
    with undone(connection):
        make_room(connection, table, sample)
        if table in SAMPLES and verb != "insert":
            add(connection, table, sample)
        try:
            return TRIALS[verb](connection, key, table, sample)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation):
            return "x"


def tried(connection: psycopg.Connection, table: str) -> dict[str, str]:
    """Return the actual cells of one table."""
    verbs = ["select"] if table in VIEWS else list(TRIALS)
    sample = (SAMPLES | VIEWS)[table]
    return {
        name: "".join(outcome(connection, verb, key, table, sample) for verb in verbs)
        for name, key in KEYS.items()
    }


@pytest.mark.parametrize("table", CELLS)
def test_each_key_can_do_what_the_table_says(table: str, connection: psycopg.Connection) -> None:
    """All five keys try all verbs on a row of the owner."""
    assert tried(connection, table) == CELLS[table]


@pytest.mark.parametrize("table", CELLS)
def test_row_security_holds_where_everything_is_granted(table: str, connection: psycopg.Connection) -> None:
    """With the hosted default grants no key can do more: refused statements match no row, or are still refused."""
    connection.execute("grant all on all tables in schema public to anon, authenticated")
    found = {name: cell.replace("x", "-") for name, cell in tried(connection, table).items()}
    assert found == {name: cell.replace("x", "-") for name, cell in CELLS[table].items()}


def test_no_table_is_left_out(connection: psycopg.Connection) -> None:
    """Every table and view of the API is in the expected table."""
    exposed = connection.execute(
        """select relname from pg_class
           where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')"""
    ).fetchall()
    assert {name for (name,) in exposed} == set(CELLS)
