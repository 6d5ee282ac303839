"""The bodies and replies of a route for its document: FastAPI does not see them, because routes read bodies by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

REFERENCE = "#/components/{kind}/{name}"

KEY: Schema = {"apikey": []}
"""Only a key: the service's, or the publishable one of a visitor."""
USER: Sequence[Schema] = ({"bearer": [], "apikey": []}, {"bearer": []})
"""A user's token, with or without the publishable key."""

SECURITY_SCHEMES: Schema = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of the signed-in user.",
    },
    "apikey": {
        "type": "apiKey",
        "in": "header",
        "name": "apikey",
        "description": "The publishable key beside a user's token; alone, a visitor's where visitors are served, or "
        "the secret key of the service.",
    },
}
PARAMETERS: Schema = {
    "RequestId": {
        "name": "x-request-id",
        "in": "header",
        "description": "An id of the caller's own, repeated in the reply's header.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body within 24 hours give the first reply again, without a second call or "
        "charge.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "With `respond-async` the work is queued: 202, and the reply is fetched later.",
        "schema": {"type": "string", "enum": ["respond-async"]},
    },
}
HEADERS: Schema = {
    "RequestId": {
        "required": True,
        "description": "The caller's id, else the request's own.",
        "schema": {"type": "string"},
    },
    "ServerTiming": {
        "required": True,
        "description": "The time of each part of the request.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds after which to retry.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "ModelServed": {
        "required": True,
        "description": "The model that answered.",
        "schema": {"type": "string"},
    },
    "EnergyRemaining": {
        "description": "The energy that remains beside all holds.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "IdempotencyReplayed": {
        "description": "`true` on the stored reply of an earlier call.",
        "schema": {"const": "true"},
    },
}


def reference(name: str, kind: str = "schemas") -> Schema:
    """Return the reference to a part of the document."""
    return {"$ref": REFERENCE.format(kind=kind, name=name)}


COMMON_HEADERS: Schema = {
    "x-request-id": reference("RequestId", "headers"),
    "server-timing": reference("ServerTiming", "headers"),
}
"""The headers of every reply."""
CALL_HEADERS: Schema = {
    "x-model-served": reference("ModelServed", "headers"),
    "x-energy-remaining": reference("EnergyRemaining", "headers"),
    "idempotency-replayed": reference("IdempotencyReplayed", "headers"),
}
"""Further headers of the reply to an AI call."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The body and replies of one route; `security` None means the document's, () means open to everyone.

    `body` names the schema of the body, `limit` says how large it may be, `parameters` are the names of those in
    `PARAMETERS` beside the request's id.
    """

    summary: str
    replies: Mapping[int, Schema]
    description: str | None = None
    body: str | None = None
    limit: str | None = None
    parameters: Sequence[str] = ()
    security: Sequence[Schema] | None = None

    def extra(self) -> Schema:
        """Return the additions to FastAPI's own description of the route."""
        names = self.parameters if self.security == () else [*self.parameters, "RequestId"]
        parts: Schema = {"parameters": [reference(name, "parameters") for name in names]} if names else {}
        if self.security is not None:
            parts["security"] = list(self.security)
        if self.body is not None:
            content = {"application/json": {"schema": reference(self.body)}}
            parts["requestBody"] = {"required": True, "description": self.limit, "content": content}
        return parts


def any_of(*names: str) -> Schema:
    """Return the schema that admits any of the named ones."""
    return {"anyOf": [reference(name) for name in names]}


def one_of(*names: str) -> Schema:
    """Return the schema that admits exactly one of the named ones."""
    return {"oneOf": [reference(name) for name in names]}


def reply(
    description: str, schema: Schema, *, headers: Schema | None = None, streamed: bool = False
) -> Schema:
    """Return a reply of an operation; if `streamed` it may also be a stream of `StreamEvent`s."""
    content = {"application/json": {"schema": schema}}
    if streamed:
        content["text/event-stream"] = {"schema": reference("ServerSentEvent")}
    return {"description": description, "headers": COMMON_HEADERS | (headers or {}), "content": content}


HEALTH = Operation(
    summary="Whether the function runs; no provider and no database is called.",
    replies={200: reply("It answers.", reference("Health"))},
    security=(),
)
