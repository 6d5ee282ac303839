"""The gateway: functions, missing functions, and requests that are passed on."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from local.gateway import issuer
from local.gateway.exchange import TokenExchange
from local.gateway.function_apps import Broken
from local.gateway.gateway import Gateway
from local.gateway.proxy import Proxy
from local.servers.keys import make_keys
from local.servers.ports import HOST, free_port
from local.stack.stack import Stack
from tests.conftest import NewUser
from tests.users import asymmetric_token


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """A function that returns what it received."""
    request = Request(scope, receive)
    body = (await request.body()).decode()
    await JSONResponse({"path": request.url.path, "body": body})(scope, receive, send)


@pytest.fixture
async def gateway() -> AsyncIterator[httpx.AsyncClient]:
    """Yield a gateway with one good and one broken function, and no API behind it."""
    proxy = Proxy(f"http://{HOST}:{free_port()}")
    exchange = TokenExchange("http://issuer", "http://issuer/jwks", "s" * 32)
    app = Gateway(proxy, exchange, {"keys": []}, {"echo": echo, "broken": Broken("ValueError: no")})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://local") as client:
        yield client
    await proxy.close()


async def test_function_gets_the_full_path_and_body(gateway: httpx.AsyncClient) -> None:
    """The request reaches the function unchanged, as from API Gateway."""
    reply = await gateway.post("/functions/v1/echo/requests/7", content="hello")
    assert reply.json() == {"path": "/functions/v1/echo/requests/7", "body": "hello"}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("missing", 404, "function_not_found"), ("broken", 503, "function_unavailable")],
)
async def test_function_that_is_down_is_a_relay_error(
    gateway: httpx.AsyncClient, name: str, status: int, code: str
) -> None:
    """Supabase-js recognises the error as one of the relay, and a browser may read it."""
    reply = await gateway.post(f"/functions/v1/{name}", json={})
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.json()["success"] is False
    assert reply.headers["x-relay-error"] == "true"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.json()["requestId"] == reply.headers["x-request-id"]


async def test_missing_function_is_answered_with_those_that_are_served(gateway: httpx.AsyncClient) -> None:
    """The error quotes the name that was asked for, also an empty one, and lists the functions of this start."""
    for name in ("missing", ""):
        reply = await gateway.get(f"/functions/v1/{name}")
        assert reply.json()["error"].startswith(f"There is no function «{name}» among echo, broken;")


async def test_preflight_of_a_missing_function_passes(gateway: httpx.AsyncClient) -> None:
    """The preflight succeeds, so that the browser sends the real request and its page can read the error."""
    reply = await gateway.options("/functions/v1/missing")
    assert (reply.status_code, reply.content) == (200, b"")
    assert "authorization" in reply.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "path",
    ["/auth/v1/token?grant_type=password", "/rest/v1/rpc/load_ai_configuration", "/storage/v1/object/x"],
)
async def test_preflight_of_the_api_passes_for_what_supabase_js_sends(
    gateway: httpx.AsyncClient, path: str
) -> None:
    """An app of another origin may call every part of the API with the headers that it asks for."""
    wanted = "apikey,authorization,content-type,x-client-info,x-supabase-api-version"
    headers = {
        "origin": "http://app.test",
        "access-control-request-method": "POST",
        "access-control-request-headers": wanted,
    }
    reply = await gateway.options(path, headers=headers)
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == wanted
    assert "POST" in reply.headers["access-control-allow-methods"]


@pytest.mark.parametrize("path", ["/auth/v1/token?grant_type=password", "/rest/v1/rpc/nothing"])
def test_refusal_of_the_api_is_readable_from_another_origin(stack: Stack, path: str) -> None:
    """The page can read the error of a wrong password: the reply has exactly one header that allows its origin."""
    headers = {"apikey": stack.publishable_key, "origin": "http://app.test"}
    reply = httpx.post(f"{stack.url}{path}", headers=headers, json={"email": "a@b.test", "password": "no"})
    assert reply.status_code in {400, 404}
    assert reply.headers.get_list("access-control-allow-origin") == ["*"]
    assert len(reply.headers.get_list("access-control-expose-headers")) == 1


async def test_api_that_is_down_is_a_502_with_a_message(gateway: httpx.AsyncClient) -> None:
    """A refused connection becomes a 502 with a readable error."""
    reply = await gateway.get("/rest/v1/prospects")
    assert (reply.status_code, reply.json()["code"]) == (502, "local_upstream_unavailable")


async def test_unknown_path_is_not_found(gateway: httpx.AsyncClient) -> None:
    """Nothing is served outside the known prefixes."""
    assert (await gateway.get("/elsewhere")).status_code == 404


def prospects(stack: Stack, token: str) -> httpx.Response:
    """Return the ids of the prospects that the token may read."""
    headers = {"apikey": stack.publishable_key, "Authorization": f"Bearer {token}"}
    return httpx.get(f"{stack.url}/rest/v1/prospects?select=id", headers=headers)


def test_hs256_user_reads_own_rows_only(stack: Stack, new_user: NewUser) -> None:
    """A new user sees none of the example workspaces' prospects."""
    reply = prospects(stack, new_user().access_token)
    assert (reply.status_code, reply.json()) == (200, [])


def test_es256_user_reads_own_rows_only(stack: Stack, new_user: NewUser) -> None:
    """A user with an asymmetric token reads the same rows as with a symmetric one."""
    user = new_user()
    headers = {"apikey": stack.secret_key, "Prefer": "return=minimal"}
    row = {"user_id": user.id, "full_name": "Aling Nena"}
    httpx.post(f"{stack.url}/rest/v1/prospects", headers=headers, json=row).raise_for_status()
    token = asymmetric_token(stack, user)
    assert len(prospects(stack, token).json()) == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://elsewhere/auth/v1"},
        {"aud": "somebody"},
        {"exp": 1},
        {"nbf": 4102444800},
    ],
    ids=["foreign issuer", "wrong audience", "expired", "not yet valid"],
)
def test_es256_token_with_a_wrong_claim_is_refused(
    stack: Stack, new_user: NewUser, claims: dict[str, object]
) -> None:
    """A token that does not verify is not exchanged."""
    assert prospects(stack, asymmetric_token(stack, new_user(), **claims)).status_code == 401


def test_es256_token_of_another_key_is_refused(stack: Stack, new_user: NewUser) -> None:
    """A token with correct claims and a wrong signature is refused."""
    claims: dict[str, object] = {
        "iss": f"{stack.url}/auth/v1",
        "aud": "authenticated",
        "role": "authenticated",
        "sub": new_user().id,
        "exp": int(time.time()) + 60,
    }
    assert prospects(stack, issuer.sign(claims, make_keys().signing_key)).status_code == 401


def test_jwks_holds_the_public_key_alone(stack: Stack) -> None:
    """The public key set contains no private part."""
    [key] = httpx.get(f"{stack.url}/auth/v1/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    assert "d" not in key


def test_query_with_special_characters_passes_through_unchanged(stack: Stack, new_user: NewUser) -> None:
    """Filters with quotes, commas and encoded letters are the same on both sides of the gateway."""
    user = new_user()
    service = {"apikey": stack.secret_key}
    name = 'Ñoño, "Jr" & Sons'
    row = {"user_id": user.id, "full_name": name}
    httpx.post(f"{stack.url}/rest/v1/prospects", headers=service, json=row).raise_for_status()
    wanted = {"select": "full_name", "user_id": f"eq.{user.id}", "full_name": f"eq.{name}"}
    reply = httpx.get(f"{stack.url}/rest/v1/prospects", params=wanted, headers=service)
    assert reply.json() == [{"full_name": name}]


def test_large_reply_arrives_whole_through_the_gateway(stack: Stack, new_user: NewUser) -> None:
    """Two hundred rows of 10,000 characters each pass the gateway unchanged."""
    user = new_user()
    service = {"apikey": stack.secret_key}
    rows = [{"user_id": user.id, "full_name": f"{number:04}" * 2500} for number in range(200)]
    httpx.post(f"{stack.url}/rest/v1/prospects", headers=service, json=rows).raise_for_status()
    reply = httpx.get(f"{stack.url}/rest/v1/prospects?user_id=eq.{user.id}&order=full_name", headers=service)
    assert [row["full_name"] for row in reply.json()] == [row["full_name"] for row in rows]
