"""`nexscout invoke`: one call of a function inside this process, in the form of the cloud's calls."""

import asyncio
import base64
import importlib
import json
import os
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any

import httpx

from local.gateway import function_apps
from local.problem import Problem
from local.servers import queues

REMAINING_MS = 29_000


class Identity(StrEnum):
    """The caller."""

    DEMO = "demo"
    OTHER = "other"
    ANONYMOUS = "anonymous"
    SERVICE = "service"


@dataclass(frozen=True)
class Reply:
    """The result of a call."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def pretty(self) -> str:
        """Return the body, indented if it is JSON."""
        try:
            return json.dumps(json.loads(self.body), indent=2, ensure_ascii=False)
        except ValueError:
            return self.body


def invoke(name: str, data: str, identity: Identity, env: Mapping[str, str], *, event: bool) -> Reply:
    """Call a function of this working copy against the running stack.

    Raises:
        Problem: when there is no such function, it does not load, or the stack does not answer.
    """
    headers = {"content-type": "application/json"} | credentials(identity, env)
    # The functions log to stdout; here that is only for the reply.
    with redirect_stdout(sys.stderr):
        module = load(name, env)
        call = call_handler if event else call_app
        return call(module, f"/functions/v1/{name}", headers, data)


def event_of(name: str, data: str, identity: Identity, env: Mapping[str, str]) -> dict[str, Any]:
    """Return the event that a call of a function would be.

    Raises:
        Problem: when there is no such function, or the stack does not answer.
    """
    _check_name(name)
    headers = {"content-type": "application/json"} | credentials(identity, env)
    return api_gateway_event(f"/functions/v1/{name}", headers, data)


def _check_name(name: str) -> None:
    known = function_apps.names()
    if name not in known:
        raise Problem(f"there is no function {name}: choose one of {', '.join(known) or 'none yet'}.")


def load(name: str, env: Mapping[str, str]) -> ModuleType:
    """Return the handler module of a function, loaded with the stack's environment.

    A model provider in the caller's environment has priority.
    """
    _check_name(name)
    own = {key: os.environ[key] for key in ("OPENAI_API_KEY", "OPENAI_BASE_URL") if os.environ.get(key)}
    os.environ.update({**queues.CREDENTIALS, **env, **own})
    try:
        return importlib.import_module(f"functions.{name.replace('-', '_')}.handler")
    except Exception as error:
        raise Problem(f"the function {name} does not load: {type(error).__name__}: {error}") from error


def credentials(identity: Identity, env: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that identify the caller."""
    if identity is Identity.ANONYMOUS:
        return {"apikey": env["SUPABASE_PUBLISHABLE_KEY"]}
    if identity is Identity.SERVICE:
        return {"apikey": env["SUPABASE_SECRET_KEY"]}
    token = sign_in(env, env[f"{identity.upper()}_EMAIL"], env[f"{identity.upper()}_PASSWORD"])
    return {"apikey": env["SUPABASE_PUBLISHABLE_KEY"], "authorization": f"Bearer {token}"}


def sign_in(env: Mapping[str, str], email: str, password: str) -> str:
    """Return an access token of one of the example users.

    Raises:
        Problem: when the stack is down or refuses.
    """
    url = f"{env['SUPABASE_URL']}/auth/v1/token?grant_type=password"
    try:
        reply = httpx.post(
            url,
            headers={"apikey": env["SUPABASE_PUBLISHABLE_KEY"]},
            json={"email": email, "password": password},
            timeout=10,
        )
    except httpx.TransportError:
        address = env["SUPABASE_URL"]
        raise Problem(f"nothing answers at {address}: run `make dev` in another terminal first.") from None
    if reply.is_error:
        raise Problem(
            f"{email} cannot sign in ({reply.status_code}): `make dev RESET=1` makes the users anew."
        )
    return str(reply.json()["access_token"])


def call_app(module: ModuleType, path: str, headers: Mapping[str, str], data: str) -> Reply:
    """Call the ASGI application."""
    return asyncio.run(call_app_async(module, path, headers, data))


async def call_app_async(module: ModuleType, path: str, headers: Mapping[str, str], data: str) -> Reply:
    """Post to the ASGI application."""
    transport = httpx.ASGITransport(module.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://local") as client:
        response = await client.post(path, headers=dict(headers), content=data.encode(), timeout=None)
    return Reply(response.status_code, response.headers, response.text)


def call_handler(module: ModuleType, path: str, headers: Mapping[str, str], data: str) -> Reply:
    """Call the Mangum handler with an event of API Gateway."""
    answer = module.handler(api_gateway_event(path, headers, data), Context())
    body = answer.get("body") or ""
    if answer.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    return Reply(answer["statusCode"], answer.get("headers") or {}, body)


def api_gateway_event(path: str, headers: Mapping[str, str], data: str) -> dict[str, Any]:
    """Return an HTTP API event of payload format 2.0, as recorded from the platform."""
    host = "local.execute-api.ap-southeast-1.amazonaws.com"
    now = time.time()
    return {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": host, "content-length": str(len(data.encode())), **headers},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "nexscout-invoke",
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": f"POST {path}",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "body": data,
        "isBase64Encoded": False,
    }


class Context:
    """The context that a Lambda function gets with an invocation."""

    function_name = "local"
    function_version = "$LATEST"
    memory_limit_in_mb = 512

    def __init__(self, remaining_ms: int = REMAINING_MS) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self._ends_at = time.monotonic() + remaining_ms / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining milliseconds of the invocation."""
        return max(0, int((self._ends_at - time.monotonic()) * 1000))
