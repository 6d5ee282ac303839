"""Compares a function with its OpenAPI document: requests generated from it, and replies against its schemas."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from psycopg import sql
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import Database

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

# Keys are replaced by valid ones, and a body that its shape forbids may be accepted: old clients send blanks.
CONFIG = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})


@dataclass(frozen=True)
class Requester:
    """A caller without limits, with what a generated request needs to be valid."""

    url: str
    headers: Mapping[str, str]
    ids: Mapping[str, object]
    left_out: Collection[str] = ()

    def send(self, case: Case[Any], session: requests.Session, *, known: bool) -> None:
        """Send a generated request, and compare the reply with the document."""
        if known:
            case.body = self._known(case.body)
            # Short keys repeat, and most queued work is alike.
            case.headers.pop("Idempotency-Key", None)
            case.headers.pop("Prefer", None)
        reply = case.call(base_url=self.url, headers=dict(self.headers), session=session, timeout=60)
        case.validate_response(reply, checks=CHECKS)

    def _known(self, body: Any) -> Any:  # noqa: ANN401  # any JSON
        """Return the body with existing ids and without invented values: the document only describes their form."""
        if not isinstance(body, dict):
            return body
        return {
            name: self._known(value) if name == "config" else self.ids.get(name, value)
            for name, value in body.items()
            if name not in self.left_out
        }


@contextmanager
def unlimited(database: Database, table: str, **limits: int) -> Iterator[None]:
    """Remove limits of calls for the block, in all rows of their table."""
    columns = sql.SQL(", ").join(map(sql.Identifier, limits))
    named, values = sql.Identifier(table), sql.SQL(", ").join(sql.Placeholder() * len(limits))
    key = sql.Identifier({"ai_tiers": "tier", "ai_policy": "id"}[table])
    usual = database.execute(sql.SQL("select {}, {} from public.{}").format(key, columns, named)).fetchall()
    change = sql.SQL("update public.{} set ({}) = row ({}) where {} = %s").format(named, columns, values, key)
    for row in usual:
        database.execute(change, [*limits.values(), row[0]])
    try:
        yield
    finally:
        for row in usual:
            database.execute(change, [*row[1:], row[0]])


def send_generated(
    operation: APIOperation[Any, Any, Any, Any], requester: Requester, mode: GenerationMode, examples: int
) -> None:
    """Send `count` generated requests of one operation, the same ones at every run."""
    with requests.Session() as session:

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
        def one(case: Case[Any], known: bool) -> None:  # noqa: FBT001  # a drawn value
            requester.send(case, session, known=known)

        one()


def validator_of(document: dict[str, Any], name: str) -> Draft202012Validator:
    """Return a validator of one schema of the document."""
    whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
