"""Statements that try to read another workspace's rows, under each key that a caller from outside may have."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import psycopg

from tests.proofs.canaries import Connection, Victim
from tests.sql.roles import Key, acting_as, undone
from tests.sql.samples import SAMPLES, VIEWS

TABLES = sorted({**SAMPLES, **VIEWS})

READS = (
    "select * from public.{table}",
    "select * from public.{table} where {key} = {id}",
    "select * from public.{table} where {column}::text like '%{word}%'",
    "select * from public.{table} order by {column}::text desc limit 50",
    "select to_jsonb(t) from public.{table} t",
    "select string_agg({column}::text, ' ') from public.{table}",
    "select min({column}::text), max({column}::text) from public.{table}",
    "select * from public.{table} for update",
    "select {column} from public.{table} union all select {column} from public.{table}",
    "select t.* from public.{other} o right join public.{table} t on true limit 200",
    "select (select t from public.{table} t where {key} = {id} limit 1)",
    "select * from (table public.{table}) t where exists (select from public.{other})",
    "select t::text from public.{table} t",
    # A yes-or-no answer is a leak too.
    """select '{word}' || '-{table}.{column}'
       where exists (select from public.{table} where {column}::text like '%{word}%')""",
    "select most_common_vals::text, histogram_bounds::text from pg_catalog.pg_stats where tablename = '{table}'",
    "select query from pg_catalog.pg_stat_activity",
)
WRITES = (
    "update public.{table} set {column} = {column} where {key} = {id} returning *",
    "update public.{table} set {column} = {column} returning *",
    "delete from public.{table} where {key} = {id} returning *",
    "delete from public.{table} returning *",
    "insert into public.{table} select * from public.{table} on conflict do nothing returning *",
    "insert into public.{table} ({key}) values ({id}) on conflict do nothing returning *",
    """insert into public.{table} ({key}) values ({id})
       on conflict ({key}) do update set {column} = excluded.{column} returning *""",
    """merge into public.{table} t using (select {id}::text as id) s on t.{key}::text = s.id
       when matched then update set {column} = t.{column}""",
)
FUNCTIONS = """
select format('%I.%I', space.nspname, proc.proname), array(
  select pg_catalog.format_type(kind, null)
  from unnest(proc.proargtypes::oid[]) with ordinality as argument (kind, place) order by place)
from pg_proc proc join pg_namespace space on space.oid = proc.pronamespace
where space.nspname in ('public', 'nexscout') and proc.prorettype <> 'trigger'::regtype
order by 1"""


@dataclass(frozen=True)
class SqlProbe:
    """One statement under one key."""

    key: Key
    statement: str

    def reply(self, connection: Connection) -> str:
        """Return everything that the caller gets: rows, or the error message. The statement is rolled back."""
        with undone(connection):
            try:
                with acting_as(connection, self.key):
                    cursor = connection.execute(self.statement.encode())
                    return str(cursor.fetchall()) if cursor.description else ""
            except psycopg.Error as error:
                return f"{error} {error.diag.message_detail} {error.diag.context}"


class SqlProbes:
    """Generates statements from a seed, against all tables, views and functions of the database."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._columns = _columns(connection)
        functions: list[tuple[str, list[str]]] = [
            (str(name), list(kinds))  # type: ignore[call-overload]
            for name, kinds in connection.execute(FUNCTIONS.encode()).fetchall()
        ]
        self._dice.shuffle(functions)
        # In turn, so that none is left to luck; what the API exposes is a fifth of all.
        self._functions = cycle(functions)
        self._exposed = cycle([one for one in functions if one[0].startswith("public.")])

    def make(self, keys: Sequence[Key], victims: Sequence[Victim], count: int) -> list[SqlProbe]:
        """Return `count` probes."""
        return [
            SqlProbe(self._dice.choice(keys), self._statement(self._dice.choice(victims)))
            for _ in range(count)
        ]

    def _statement(self, victim: Victim) -> str:
        kind = self._dice.random()
        if kind < 0.2:  # A fifth of them call functions.
            return self._call(victim)
        template = self._dice.choice(READS if kind < 0.7 else WRITES)
        table, other = self._dice.choice(TABLES), self._dice.choice(TABLES)
        key = (SAMPLES | VIEWS)[table].key[0]
        return template.format(
            table=table,
            other=other,
            key=key,
            id=f"'{self._id(victim, table)}'",
            column=self._dice.choice(self._columns[table]),
            word=victim.word,
        )

    def _id(self, victim: Victim, table: str) -> str:
        own = victim.ids.get(table, victim.user_id)
        return victim.user_id if (SAMPLES | VIEWS)[table].key[0] == "user_id" else own

    def _call(self, victim: Victim) -> str:
        name, kinds = next(self._exposed if self._dice.random() < 0.5 else self._functions)
        return f"select * from {name}({', '.join(self._argument(kind, victim) for kind in kinds)})"

    def _argument(self, kind: str, victim: Victim) -> str:
        known = [victim.user_id, *victim.ids.values()]
        match kind:
            case "uuid" if self._dice.random() < 0.75:  # Most functions take the owner's id.
                return f"'{victim.user_id}'::uuid"
            case "uuid":
                return f"'{self._dice.choice(known)}'::uuid"
            case "text":
                request = f'{{"user_id": "{victim.user_id}", "request_id": "{self._dice.choice(known)}"}}'
                return f"'{self._dice.choice([request, self._dice.choice(known), '{}'])}'"
            case "integer":
                return str(self._dice.choice([0, 1, 1000]))
            case "timestamp with time zone" | "date":
                return f"'2026-01-15'::{kind}"
            case _:
                return f"null::{kind}"


def _columns(connection: Connection) -> Mapping[str, list[str]]:
    rows = connection.execute(
        "select table_name, column_name from information_schema.columns where table_schema = 'public' order by 1, 2"
    ).fetchall()
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(str(table), []).append(str(column))
    return found
