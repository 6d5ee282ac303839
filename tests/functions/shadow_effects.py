"""The effects of a shadow call: a tenant's rows before and after, its own marked rows, and its log line."""

import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import psycopg
from fastapi import APIRouter
from psycopg import sql
from psycopg.rows import dict_row

from local.stack.stack import Stack
from shared.log import configure
from tests.apps import app_on, client_of
from tests.conftest import Database
from tests.provider import Provider

ANSWER = {"success", "requestId", "shadow"}
"""The whole reply to a copy."""


class Tenant:
    """All rows with one of these ids, in every table: of a user, a session or a scan."""

    def __init__(self, database: Database, *ids: str) -> None:
        self._database = database
        self._ids = list(ids)

    def rows(self) -> list[tuple[str, str, str]]:
        """Return table, version and content of every row, without those of shadow calls.

        A row that is written again with the same values has another version (xmin).
        """
        tables = self._database.execute(
            """select table_name from information_schema.tables
               where table_schema = 'public' and table_type = 'BASE TABLE' order by 1"""
        ).fetchall()
        shadows = {row["request_id"] for row in self.usage()}
        found = [(str(table), *row) for (table,) in tables for row in self._rows_of(str(table))]
        return [row for row in found if not shadows & set(_ids_in(row[2]))]

    def _rows_of(self, table: str) -> list[tuple[str, str]]:
        rows = self._database.execute(
            sql.SQL(
                """select t.xmin::text, to_jsonb(t)::text from public.{} t
                   where to_jsonb(t)::text like any (%s) order by 2"""
            ).format(sql.Identifier(table)),
            [[f"%{name}%" for name in self._ids]],
        ).fetchall()
        return [(str(version), str(content)) for version, content in rows]

    def usage(self) -> list[dict[str, Any]]:
        """Return the usage rows of the tenant's shadow calls, oldest first."""
        return self._shadows("ai_usage_logs l", "l.request_id::text", "l.user_id", "l.shadow")

    def attempts(self) -> list[dict[str, Any]]:
        """Return the attempts of the tenant's shadow calls, in order."""
        joined = "ai_usage_attempts l join public.ai_requests r on r.id = l.request_id"
        return self._shadows(joined, "l.request_id::text", "l.user_id", "r.shadow")

    def _shadows(self, tables: str, name: str, user: str, mark: str) -> list[dict[str, Any]]:
        query = f"""select l.*, {name} as request_id from public.{tables}
                    where {user}::text = any (%s) and {mark} order by l.created_at"""
        with self._database.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), [self._ids]).fetchall()


def _ids_in(content: str) -> Iterator[str]:
    row: dict[str, Any] = json.loads(content)
    yield from (str(row[name]) for name in ("id", "request_id") if row.get(name))


class Log:
    """The log of a function in this process."""

    def __init__(self) -> None:
        self._lines = io.StringIO()
        configure("INFO", self._lines)

    def finished(self) -> list[dict[str, Any]]:
        """Return the lines of the finished requests, in order."""
        lines = [json.loads(line) for line in self._lines.getvalue().splitlines()]
        return [line for line in lines if line["event"] == "request.finished"]


@dataclass(frozen=True)
class Shadow:
    """A function in this process in shadow mode: a client of it, and its log."""

    client: httpx.AsyncClient
    log: Log


@asynccontextmanager
async def in_shadow(stack: Stack, name: str, router: APIRouter) -> AsyncIterator[Shadow]:
    """Serve a function in shadow mode."""
    async with app_on(stack, name, router, SHADOW="true") as app, client_of(stack, app) as client:
        yield Shadow(client, Log())


@contextmanager
def nothing_changes(tenant: Tenant) -> Iterator[None]:
    """Assert that within the block none of the tenant's rows is changed, added or removed."""
    before = tenant.rows()
    assert before
    yield
    assert tenant.rows() == before


@contextmanager
def shadow_cap(database: psycopg.Connection[tuple[object, ...]], usd: Decimal | int) -> Iterator[None]:
    """Set the day's maximum cost of all shadow calls, for the block."""
    statement = "update public.ai_policy set shadow_cost_usd_per_day = %s"
    database.execute(statement, [usd])
    try:
        yield
    finally:
        database.execute(statement, [5])


def assert_recorded(tenant: Tenant, provider: Provider, requests: int = 1) -> Mapping[str, Any]:
    """Assert one attempt for each provider request, with exact tokens and USD; return the usage row."""
    sent, attempts = provider.requests(), tenant.attempts()
    assert (len(sent), len(attempts)) == (requests, requests)
    (usage,) = tenant.usage()
    assert usage["tokens_total"] == sum(one["prompt_tokens"] + one["completion_tokens"] for one in sent)
    # The published price of gpt-4o: 2.50 USD per million for input, 1.25 cached, 10 for output.
    cached = sum(row["tokens_cached"] for row in attempts)
    plain = usage["tokens_prompt"] - cached
    millionths = plain * Decimal("2.5") + cached * Decimal("1.25") + usage["tokens_completion"] * 10
    assert usage["cost_usd"] == sum(row["cost_usd"] for row in attempts) == millionths / 1_000_000 > 0
    assert (usage["energy_consumed"], usage["coins_consumed"], usage["shadow"]) == (0, 0, True)
    return usage
