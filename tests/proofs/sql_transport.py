"""The Supabase API of a simulated world: the real functions in the real PostgreSQL, over an unreliable connection."""

import json
from typing import Any

import httpx
import jwt
import psycopg
from psycopg import sql

from tests.proofs.world import World
from tests.sql.roles import Key, acting_as


class SqlTransport(httpx.AsyncBaseTransport):
    """Runs `/rest/v1/rpc/<function>` with the rights of the request's key; each schedule sets its `world`."""

    def __init__(self, connection: psycopg.Connection, secret_key: str) -> None:
        self._connection = connection
        self._secret_key = secret_key
        self.world = World(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the call into the world and wait for its reply."""
        function = request.url.path.removeprefix("/rest/v1/rpc/")
        arguments = json.loads(await request.aread())
        key = self._key(request.headers)
        status, headers, content = await self.world.send(
            lambda: self._run(key, function, arguments),
            lambda: httpx.ConnectError("lost", request=request),
            lambda: httpx.ReadError("broken", request=request),
        )
        return httpx.Response(status, headers=headers, content=content, request=request)

    def _key(self, headers: httpx.Headers) -> Key:
        if headers["apikey"] == self._secret_key:
            return Key("service_role")
        token = headers["authorization"].removeprefix("Bearer ")
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        return Key("authenticated", claims["sub"])

    def _run(self, key: Key, function: str, arguments: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        names = [
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in arguments
        ]
        query = sql.SQL("select public.{}({})").format(sql.Identifier(function), sql.SQL(", ").join(names))
        try:
            with self._connection.transaction(), acting_as(self._connection, key):
                row = self._connection.execute(query, arguments).fetchone()
        except psycopg.Error as error:
            return _answer(
                400, {"code": error.sqlstate, "message": str(error), "details": None, "hint": None}
            )
        assert row is not None
        return _answer(200, row[0])


def _answer(status: int, content: object) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json"}, json.dumps(content).encode()
