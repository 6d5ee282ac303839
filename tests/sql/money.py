"""The money functions for tests: called with the service key, one short line a call."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from tests.sql.invariants import broken

Answer = dict[str, Any]
Row = dict[str, Any]

MODELS = {"premium": "gpt-4o", "standard": "gpt-4o-mini"}


@dataclass(frozen=True)
class Money:
    """`service` calls as the service key does; `admin` owns the database, for what the service may not do."""

    service: psycopg.Connection
    admin: psycopg.Connection

    def account(self, tier: str | None = "pro", energy: int | None = 500, coins: int = 0) -> UUID:
        """Create a user with a balance of today; None omits the profile or the balance."""
        user_id = uuid4()
        self.admin.execute(
            "insert into auth.users (id, email) values (%s, %s)", [user_id, f"{user_id}@nexscout.test"]
        )
        if tier is not None:
            self.admin.execute(
                """insert into public.profiles (id, email, subscription_tier, unique_user_id, coin_balance)
                   values (%s, 'somebody@nexscout.test', %s, %s, %s)""",
                [user_id, tier, str(user_id), coins],
            )
        if energy is not None:
            self.admin.execute(
                "insert into public.user_energy (user_id, current_energy) values (%s, %s)", [user_id, energy]
            )
        return user_id

    def reserve(self, user_id: UUID, /, *classes: str, **overrides: object) -> Answer:
        """Reserve an ai_message with one model per class, in order; premium by default."""
        return self.answer("select public.ai_reserve(%s)", written(user_id, *classes, **overrides))

    def held(self, user_id: UUID, /, *classes: str, **overrides: object) -> UUID:
        """Reserve what must be admitted; return the request's id."""
        answer = self.reserve(user_id, *classes, **overrides)
        assert answer["outcome"] == "reserved", answer
        return UUID(answer["request_id"])

    def note(self, request_id: UUID, ordinal: int = 2, cost_bound_usd: str = "0.01") -> Answer:
        """Note a further attempt."""
        return self.answer(
            "select public.ai_note_attempt(%s, %s, 'openai', 'gpt-4o', %s)",
            request_id,
            ordinal,
            cost_bound_usd,
        )

    def settle(self, request_id: UUID, /, *attempts: Row, **result: object) -> Answer:
        """Settle with the attempts; with one delivered attempt by default."""
        record = {"attempts": attempts or [attempt()]} | result
        return self.answer("select public.ai_settle(%s, %s)", request_id, json.dumps(record))

    def release(self, request_id: UUID, /, *attempts: Row, **result: object) -> Answer:
        """Release with the attempts that were sent."""
        record = {"attempts": attempts, "error_code": "provider_error"} | result
        return self.answer("select public.ai_release(%s, %s)", request_id, json.dumps(record))

    def sweep(self) -> Answer:
        """Run one sweep."""
        return self.answer("select public.ai_sweep()")

    def expire(self, request_id: UUID) -> None:
        """Let a hold expire."""
        self.admin.execute(
            "update public.ai_requests set expires_at = clock_timestamp() where id = %s", [request_id]
        )

    def add_energy(self, user_id: UUID, delta: int) -> None:
        """Change a balance as the app's own code does, without our functions."""
        self.service.execute(
            "update public.user_energy set current_energy = current_energy + %s where user_id = %s",
            [delta, user_id],
        )

    def balance(self, user_id: UUID) -> int:
        """Return the energy of an account, holds included."""
        return int(
            self.value("select current_energy from public.user_energy where user_id = %s", user_id) or 0
        )

    def bound(self, user_id: UUID) -> int:
        """Return the energy of open holds."""
        return int(self.value("select nexscout.energy_held(%s)", user_id))

    def ledger_sum(self, user_id: UUID) -> int:
        """Return the sum of the ledger's deltas."""
        return int(
            self.value(
                "select coalesce(sum(delta), 0) from public.energy_transactions where user_id = %s", user_id
            )
        )

    def ledger(self, user_id: UUID) -> list[tuple[Any, ...]]:
        """Return reason, delta and balance of every ledger row, oldest first."""
        return self.admin.execute(
            """select reason, delta, balance_after from public.energy_transactions
               where user_id = %s order by created_at""",
            [user_id],
        ).fetchall()

    def request(self, request_id: UUID) -> Row:
        """Return the row of a request."""
        return self.rows("select * from public.ai_requests where id = %s", request_id)[0]

    def usage(self, request_id: object) -> Row:
        """Return the one usage row of a request."""
        (row,) = self.rows("select * from public.ai_usage_logs where request_id = %s", request_id)
        return row

    def attempts(self, request_id: UUID) -> list[Row]:
        """Return the attempts of a request in order."""
        return self.rows(
            "select * from public.ai_usage_attempts where request_id = %s order by ordinal", request_id
        )

    def broken(self, user_id: UUID) -> list[str]:
        """Return the invariants that do not hold for a user; see invariants.py."""
        return broken(self.admin, user_id)

    def rows(self, statement: str, *arguments: object) -> list[Row]:
        """Return the rows of a query as dictionaries."""
        with self.admin.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.encode(), arguments).fetchall()

    def value(self, statement: str, *arguments: object) -> Any:  # noqa: ANN401
        """Return the only value of a query."""
        row = self.admin.execute(statement.encode(), arguments).fetchone()
        return None if row is None else row[0]

    def answer(self, statement: str, *arguments: object) -> Answer:
        """Call a money function with the service key and return its answer."""
        row = self.service.execute(statement.encode(), arguments).fetchone()
        assert row is not None
        answer: Answer = row[0]
        return answer

    @contextmanager
    def priced(self, **price: int) -> Iterator[str]:
        """Yield a new action, premium, at 10 energy unless the price sets another."""
        action = f"action_{uuid4().hex}"
        values = {"energy": 10, "coins": 0, "calls_per_charge": 1} | price
        self.admin.execute(
            """insert into public.ai_action_prices (action, model_class, energy, coins, calls_per_charge)
               values (%s, 'premium', %s, %s, %s)""",
            [action, values["energy"], values["coins"], values["calls_per_charge"]],
        )
        try:
            yield action
        finally:
            self.admin.execute("delete from public.ai_action_prices where action = %s", [action])

    @contextmanager
    def policy(self, **changes: object) -> Iterator[None]:
        """Change the policy row for the block."""
        before = self.rows("select * from public.ai_policy")[0]
        self._set_policy(changes)
        try:
            yield
        finally:
            self._set_policy({name: before[name] for name in changes})

    def _set_policy(self, values: Row) -> None:
        columns = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
        self.admin.execute(sql.SQL("update public.ai_policy set {}").format(columns), list(values.values()))

    @contextmanager
    def tier_limit(self, tier: str, column: str, value: object) -> Iterator[None]:
        """Change one figure of a tier for the block."""
        name = sql.Identifier(column)
        statement = sql.SQL("update public.ai_tiers set {} = %s where tier = %s").format(name)
        (before,) = self.rows("select * from public.ai_tiers where tier = %s", tier)
        self.admin.execute(statement, [value, tier])
        try:
            yield
        finally:
            self.admin.execute(statement, [before[column], tier])


def reservation(user_id: UUID, /, *classes: str, **overrides: object) -> Row:
    """Return the argument of ai_reserve; only differences are given."""
    return {
        "request_id": str(uuid4()),
        "user_id": str(user_id),
        "function_name": "generate-ai-content",
        "action": "ai_message",
        "units": 1,
        "candidates": [candidate(name) for name in classes or ("premium",)],
        "cost_bound_usd": "0.02",
        "hold_seconds": 60,
    } | overrides


def written(user_id: UUID, /, *classes: str, **overrides: object) -> str:
    """Return the argument of ai_reserve as it is sent."""
    return json.dumps(reservation(user_id, *classes, **overrides))


def candidate(model_class: str, cost_bound_usd: str = "0.01") -> Row:
    """Return the model of a class in the form of ai_reserve."""
    return {
        "model": MODELS[model_class],
        "provider": "openai",
        "model_class": model_class,
        "cost_bound_usd": cost_bound_usd,
    }


def attempt(ordinal: int = 1, state: str = "succeeded", **values: object) -> Row:
    """Return an attempt in the form of settle: 1,000 tokens in and 100 out for 0.0035 USD."""
    return {
        "ordinal": ordinal,
        "provider": "openai",
        "model": "gpt-4o",
        "state": state,
        "tokens_prompt": 1000,
        "tokens_completion": 100,
        "cost_bound_usd": "0.01",
        "cost_usd": "0.0035",
        "cost_method": "reported",
    } | values
