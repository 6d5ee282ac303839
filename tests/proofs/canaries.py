"""A workspace with a unique word in each of its texts, so that a leak shows which text was read.

The columns are not listed here: they are read from information_schema, so that a new one is never left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.sql.roles import OWNER
from tests.sql.samples import SAMPLES, Sample

Row = dict[str, Any]
Connection = psycopg.Connection[tuple[object, ...]]

# Tables of the whole system, with the same rows for every workspace.
NOBODYS = {"admin_users", "ai_policy", "ai_tiers", "ai_action_prices", "energy_costs"}

# What hides a row from visitors: it is switched off, or more than a day old.
SHUT: Mapping[str, Row] = {
    "products": {"active": False},
    "chatbot_settings": {"is_active": False},
    "chatbot_links": {"is_active": False},
    "public_chatbot_training_data": {"is_active": False},
    "public_chat_sessions": {"created_at": "2026-01-02T03:04:05Z"},
    "public_chat_messages": {"created_at": "2026-01-02T03:04:05Z"},
}
OPEN: Mapping[str, Row] = {
    "public_chat_sessions": {"created_at": "now"},
    "public_chat_messages": {"created_at": "now"},
}
# Work that has ended: no worker takes it, and its stored answer can be requested.
ENDED: Mapping[str, Row] = {"scan_jobs": {"state": "done"}, "ai_jobs": {"state": "done", "reply_status": 200}}

COLUMNS = """
select column_name, udt_name from information_schema.columns
where table_schema = 'public' and table_name = %s and is_generated = 'NEVER'
  and udt_name in ('text', 'varchar', 'jsonb', '_text')
order by ordinal_position"""
CONSTRAINED = """
select from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
where c.conrelid = ('public.' || %s)::regclass and a.attname = %s and c.contype in ('c', 'f')"""


@dataclass(frozen=True)
class Victim:
    """A workspace full of canaries; `ids` are its rows' ids by table, `planted` its columns as `table.column`."""

    user_id: str
    word: str
    ids: dict[str, str] = field(default_factory=dict)
    planted: set[str] = field(default_factory=set)

    def found(self, text: str) -> set[str]:
        """Return the columns whose canaries are in a text, as `table.column`."""
        return set(re.findall(rf"{self.word}-([a-z_0-9]+\.[a-z_0-9]+)", text, re.IGNORECASE))

    def rows(self, connection: Connection) -> dict[str, Row | None]:
        """Return every planted row as it is now, by table."""
        return {table: _row(connection, table, key) for table, key in self._keys()}

    def _keys(self) -> Iterator[tuple[str, Row]]:
        for table in self.ids:
            sample = _belonging(SAMPLES[table], self)
            yield table, {name: sample.values[name] for name in sample.key}


def plant(connection: Connection, *, shut: bool = False) -> Victim:
    """Create a workspace with one row in every table, and a canary in every column that accepts any text."""
    victim = Victim(str(uuid4()), f"cnry{uuid4().hex[:8]}")
    connection.execute(
        "insert into auth.users (id, email) values (%s, %s)",
        [victim.user_id, f"{victim.user_id}@nexscout.test"],
    )
    victim.ids.update({table: str(uuid4()) for table in SAMPLES if table not in NOBODYS})
    done: set[str] = set()
    for table in victim.ids:
        _plant_table(connection, victim, table, done, {**ENDED, **(SHUT if shut else OPEN)})
    connection.execute("analyze")
    return victim


def _plant_table(
    connection: Connection, victim: Victim, table: str, done: set[str], states: Mapping[str, Row]
) -> None:
    if table in done or table not in victim.ids:
        return
    for needed in SAMPLES[table].needs:
        _plant_table(connection, victim, needed, done, states)
    done.add(table)
    sample = _belonging(SAMPLES[table], victim)
    values = sample.values | states.get(table, {})
    key = {name: values[name] for name in sample.key}
    _delete(connection, table, key)
    wanted = _canaries(connection, victim, table, key)
    taken = {
        name: value for name, value in wanted.items() if _taken(connection, table, values | {name: value})
    }
    _insert(connection, table, values | taken)
    victim.planted.update(f"{table}.{name}" for name in taken)
    for name in wanted.keys() - taken.keys():
        bound = connection.execute(CONSTRAINED.encode(), [table, name]).fetchone()
        assert bound is not None, f"{table}.{name} takes no canary, and no constraint says why"


def _belonging(sample: Sample, victim: Victim) -> Sample:
    """Return the sample with the victim's ids in place of the owner's."""
    ids = {SAMPLES[table].values.get("id"): victim.ids[table] for table in victim.ids if table != "profiles"}
    known = {str(old): new for old, new in ids.items() if isinstance(old, str)} | {OWNER: victim.user_id}
    own = victim.ids[next(name for name, one in SAMPLES.items() if one is sample)]
    values = {
        name: known.get(value, value) if isinstance(value, str) else value
        for name, value in sample.values.items()
    }
    if "id" in values and sample is not SAMPLES["profiles"]:
        values["id"] = own
    return replace(sample, values=values)


def _canaries(connection: Connection, victim: Victim, table: str, key: Row) -> Row:
    def canary(name: str, kind: str) -> object:
        word = f"{victim.word}-{table}.{name}"
        match kind:
            case "jsonb":
                return Jsonb({"said": word})
            case "_text":
                return [word]
            case _:
                return word

    rows = connection.execute(COLUMNS.encode(), [table]).fetchall()
    return {str(name): canary(str(name), str(kind)) for name, kind in rows if name not in key}


def _taken(connection: Connection, table: str, values: Row) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            _insert(connection, table, values)
    except psycopg.errors.IntegrityError:
        return False
    return True


def _insert(connection: Connection, table: str, values: Row) -> None:
    statement = sql.SQL("insert into public.{} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    connection.execute(statement, list(values.values()))


def _delete(connection: Connection, table: str, key: Row) -> None:
    connection.execute(
        sql.SQL("delete from public.{} where {}").format(sql.Identifier(table), _is(key)), list(key.values())
    )


def _row(connection: Connection, table: str, key: Row) -> Row | None:
    statement = sql.SQL("select to_jsonb(t) from public.{} t where {}").format(
        sql.Identifier(table), _is(key)
    )
    found = connection.execute(statement, list(key.values())).fetchone()
    return None if found is None else dict(found[0])  # type: ignore[call-overload]


def _is(key: Row) -> sql.Composed:
    return sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in key)
