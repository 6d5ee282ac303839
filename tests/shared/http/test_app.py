"""Whatever happens in a function, the caller gets a readable reply in time, with CORS headers."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp, Message

from shared import errors
from shared.http.app import context_of, create_app, services_of
from shared.http.body import read_json
from shared.log import configure, logger
from shared.services import Services, build_services
from shared.settings import Settings

URL = "/functions/v1/try-out"

router = APIRouter()

RAISED: dict[str, Callable[[], BaseException]] = {
    "prospect": errors.ProspectNotFound,
    "energy": lambda: errors.InsufficientEnergy(required=10, available=5),
    "limit": lambda: errors.RateLimited(retry_after_seconds=7),
    "crash": lambda: RuntimeError("the prospect Juan said secret words"),
    "timeout": lambda: TimeoutError("a library's own"),
    "group": lambda: ExceptionGroup("several", [ValueError("secret words")]),
}


@router.post("")
async def echo(request: Request) -> dict[str, Any]:
    """Return the body."""
    return {"body": await read_json(request, services_of(request).settings.max_body_bytes)}


@router.get("/raise/{kind}")
async def fail(kind: str) -> None:
    """Raise what the test asks for."""
    error = RAISED[kind]()
    raise error


@router.get("/hang")
async def hang() -> None:
    """Never return."""
    await asyncio.Event().wait()


@router.get("/requests/{request_id}")
async def by_id(request_id: UUID) -> dict[str, str]:
    """Return the typed path parameter."""
    return {"id": str(request_id)}


@router.get("/stream")
async def stream() -> StreamingResponse:
    """Fail after the first chunk."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise RuntimeError("secret words")

    return StreamingResponse(pieces(), media_type="text/event-stream")


@router.get("/timed")
async def timed(request: Request) -> dict[str, bool]:
    """Spend a moment in a named part, and add a field to the log."""
    context = context_of(request)
    with context.timed("db"):
        context.fields["model"] = "gpt-4o"
    return {"success": True}


class Caller:
    """Sends requests to an app and reads its log."""

    def __init__(self, client: httpx.AsyncClient, output: io.StringIO) -> None:
        self.client = client
        self._output = output

    async def __call__(self, method: str, path: str = "", **options: Any) -> httpx.Response:  # noqa: ANN401
        """Send one request below the function's URL and return the reply."""
        return await self.client.request(method, f"{URL}{path}", **options)

    def logged(self, event: str) -> dict[str, Any]:
        """Return the one event of this name."""
        events = [json.loads(line) for line in self._output.getvalue().splitlines()]
        (found,) = [entry for entry in events if entry["event"] == event]
        return dict(found)


def environment(**changed: str) -> Settings:
    """Return settings whose Supabase is never called here."""
    return Settings.from_env(
        {
            "SUPABASE_URL": "http://127.0.0.1:9",
            "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc",
            "SUPABASE_SECRET_KEY": "sb_secret_def",
            "OPENAI_API_KEY": "sk-local",
            "MAX_BODY_BYTES": "1000",
            **changed,
        }
    )


@pytest.fixture(scope="module")
async def services() -> AsyncIterator[Services]:
    """Yield the services of a process; these tests open no connection with them."""
    built = build_services(environment())
    yield built
    await built.close()


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Yield what the logger writes; its configuration is restored after the test."""
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield io.StringIO()
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture
async def call(services: Services, output: io.StringIO) -> AsyncIterator[Caller]:
    """Yield a function with the routes above and the usual settings."""
    async with calling(environment(), services, output) as caller:
        yield caller


@asynccontextmanager
async def calling(settings: Settings, services: Services, output: io.StringIO) -> AsyncIterator[Caller]:
    """Call an app of these settings while the block runs."""
    app = create_app("try-out", router, settings, services)
    configure("INFO", output)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Caller(client, output)


def shape(reply: httpx.Response) -> tuple[int, str, set[str]]:
    """Return status, code and fields of an error."""
    body = reply.json()
    assert body["success"] is False
    assert isinstance(body["error"], str)
    return reply.status_code, body["code"], set(body)


FIELDS = {"success", "error", "code", "requestId", "details"}


Answer = tuple[str, str, dict[str, Any], int, str]

ANSWERS: list[Answer] = [
    ("GET", "/raise/prospect", {}, 404, "prospect_not_found"),
    ("GET", "/raise/limit", {}, 429, "rate_limited"),
    ("GET", "/raise/crash", {}, 500, "internal_error"),
    ("GET", "/raise/timeout", {}, 500, "internal_error"),
    ("GET", "/raise/group", {}, 500, "internal_error"),
    ("GET", "/nowhere", {}, 404, "not_found"),
    ("DELETE", "", {}, 405, "method_not_allowed"),
    ("POST", "", {"content": b""}, 400, "invalid_request"),
    ("POST", "", {"content": b"{"}, 400, "invalid_request"),
    ("POST", "", {"content": b"[]"}, 400, "invalid_request"),
    ("POST", "", {"content": b"null"}, 400, "invalid_request"),
    ("POST", "", {"content": b"\xff{}"}, 400, "invalid_request"),
    ("POST", "", {"content": b'{"a": NaN}'}, 400, "invalid_request"),
    ("POST", "", {"content": b'{"a": "\\u0000"}'}, 400, "invalid_request"),
    ("POST", "", {"content": b'{"\\u0000": 1}'}, 400, "invalid_request"),
    ("POST", "", {"content": b'{"a": "\\ud800"}'}, 400, "invalid_request"),
    ("POST", "", {"content": b'{"a": ' + b"9" * 900 + b"}"}, 200, ""),
    ("POST", "", {"content": b"[" * 999}, 400, "invalid_request"),
    ("POST", "", {"content": b" " * 1001}, 413, "payload_too_large"),
    ("GET", "/requests/none", {}, 400, "invalid_request"),
    ("POST", "", {"content": b'{"a": 1e999}'}, 400, "invalid_request"),
]


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    ANSWERS,
)
async def test_fault_14_every_answer_has_its_status_its_shape_and_cors(
    call: Caller, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    """Each line of the table is one request, with what the caller reads in the last columns (fault 14)."""
    reply = await call(method, path, **options)
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["x-request-id"]
    if status == 200:
        assert reply.status_code == 200
    else:
        assert shape(reply) == (status, code, FIELDS)
        assert call.logged("request.finished")["code"] == code
    assert call.logged("request.finished")["status"] == status


async def test_a_body_is_read_as_it_was_sent(call: Caller) -> None:
    """Texts that look like escapes, zeros and other scripts arrive unchanged."""
    body = {"text": "Kumusta po 👋 \\u0000 ok", "zero": 0, "nested": [None, False, {"": ""}]}
    reply = await call("POST", json=body)
    assert reply.json() == {"body": body}


async def test_short_energy_reaches_the_page_with_its_extra_fields(call: Caller) -> None:
    """The deployed client reads the fields at the top level."""
    body = (await call("GET", "/raise/energy")).json()
    assert body["error"] == "Insufficient energy. Required: 10, Available: 5"
    assert (body["requiresEnergy"], body["requiredEnergy"], body["currentEnergy"]) == (True, 10, 5)


async def test_retry_after_is_a_header(call: Caller) -> None:
    """The header is exposed, so that browsers may read it."""
    reply = await call("GET", "/raise/limit")
    assert reply.headers["retry-after"] == "7"
    assert "retry-after" in reply.headers["access-control-expose-headers"].split(", ")


async def test_a_refused_method_gets_the_allowed_one(call: Caller) -> None:
    """A 405 has the Allow header (RFC 9110, 15.5.6)."""
    reply = await call("DELETE")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_an_error_without_a_waiting_time_has_no_retry_after(call: Caller) -> None:
    """An error that waiting cannot solve has no Retry-After."""
    assert "retry-after" not in (await call("GET", "/raise/prospect")).headers


async def test_options_is_answered_empty_for_every_path(call: Caller) -> None:
    """A preflight needs no token and does not reach the function."""
    for path in ("", "/health", "/raise/crash", "/nowhere"):
        reply = await call("OPTIONS", path, headers={"origin": "https://app.example.com"})
        assert (reply.status_code, reply.content) == (200, b"")
        assert reply.headers["access-control-allow-origin"] == "*"
        assert set(reply.headers["access-control-allow-headers"].split(", ")) == {
            "authorization",
            "apikey",
            "content-type",
            "x-client-info",
            "idempotency-key",
            "x-request-id",
            "x-region",
            "prefer",
            "accept",
        }
        assert {"GET", "POST", "OPTIONS"} <= set(reply.headers["access-control-allow-methods"].split(", "))


async def test_every_answer_exposes_what_the_contract_names(call: Caller) -> None:
    """A browser hides all other headers from the page."""
    exposed = (await call("GET", "/health")).headers["access-control-expose-headers"].split(", ")
    assert {"x-request-id", "x-energy-remaining", "x-model-served", "retry-after", "server-timing"} <= set(
        exposed
    )


ORIGIN_SECRET = "sixteen-letters-"


@pytest.mark.parametrize("secret", [None, "", "wrong", ORIGIN_SECRET[:-1]])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("OPTIONS", ""), ("GET", "/health"), ("GET", "/nowhere")]
)
async def test_behind_a_distribution_every_request_around_it_is_refused(
    services: Services, output: io.StringIO, method: str, path: str, secret: str | None
) -> None:
    """A request without the secret is refused before anything is read, in the contract's shape and with CORS."""
    settings = environment(ORIGIN_SECRET=ORIGIN_SECRET, ORIGIN_SECRET_REQUIRED="true")
    headers = {} if secret is None else {"x-origin-secret": secret}
    async with calling(settings, services, output) as call:
        reply = await call(method, path, headers=headers)
        assert shape(reply) == (403, "forbidden", FIELDS)
        assert reply.headers["access-control-allow-origin"] == "*"
        assert call.logged("request.finished")["status"] == 403


async def test_behind_a_distribution_its_own_requests_are_served(
    services: Services, output: io.StringIO
) -> None:
    """Requests with the secret are served, and no log contains the secret."""
    settings = environment(ORIGIN_SECRET=ORIGIN_SECRET, ORIGIN_SECRET_REQUIRED="true")
    async with calling(settings, services, output) as call:
        headers = {"x-origin-secret": ORIGIN_SECRET}
        assert (await call("GET", "/health", headers=headers)).status_code == 200
        assert (await call("OPTIONS", headers=headers)).status_code == 200
    assert ORIGIN_SECRET not in output.getvalue()


async def test_a_secret_that_is_required_and_not_there_opens_nothing(
    services: Services, output: io.StringIO
) -> None:
    """An empty header does not equal a missing secret."""
    async with calling(environment(ORIGIN_SECRET_REQUIRED="true"), services, output) as call:
        assert (await call("GET", "/health", headers={"x-origin-secret": ""})).status_code == 403


async def test_a_secret_that_is_not_required_is_not_asked_for(
    services: Services, output: io.StringIO
) -> None:
    """The HTTP API serves all callers; only the visitor's address depends on the secret there."""
    async with calling(environment(ORIGIN_SECRET=ORIGIN_SECRET), services, output) as call:
        assert (await call("GET", "/health")).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/raise/crash", "/nowhere"])
async def test_only_named_origins_are_allowed_where_the_settings_name_some(
    services: Services, output: io.StringIO, path: str
) -> None:
    """The reply has `Vary: Origin`, so that caches keep replies of different origins apart."""
    settings = environment(CORS_ORIGINS="https://app.example.com,http://localhost:5173")
    async with calling(settings, services, output) as call:
        good = await call("GET", path, headers={"origin": "http://localhost:5173"})
        assert good.headers["access-control-allow-origin"] == "http://localhost:5173"
        for origin in ("https://evil.example.com", "null", "https://app.example.com.evil.com"):
            bad = await call("GET", path, headers={"origin": origin})
            assert "access-control-allow-origin" not in bad.headers
            assert bad.headers["vary"] == "origin"
        assert "access-control-allow-origin" not in (await call("GET", path)).headers


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("req-1.a:b_C", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("a b", False),
        ("<script>", False),
        ("é", False),
    ],
)
async def test_a_sane_request_id_of_the_caller_is_kept(call: Caller, sent: str, kept: bool) -> None:  # noqa: FBT001
    """An invalid id is replaced by ours, and never echoed."""
    reply = await call("GET", "/health", headers={"x-request-id": sent.encode("latin-1")})
    echoed = reply.headers["x-request-id"]
    assert (echoed == sent) is kept
    if not kept:
        assert str(UUID(echoed)) == echoed


async def test_the_id_in_an_error_is_the_one_in_the_log(call: Caller) -> None:
    """A user who reports the id of an error can be helped."""
    reply = await call("GET", "/raise/prospect")
    assert reply.json()["requestId"] == call.logged("request.finished")["request_id"]


@pytest.mark.parametrize(
    "kind",
    [
        "crash",
        "group",
        "timeout",
    ],
)
async def test_a_crash_is_logged_with_its_place_and_without_its_words(
    call: Caller, output: io.StringIO, kind: str
) -> None:
    """Neither the page nor the log repeats an exception's text."""
    reply = await call("GET", f"/raise/{kind}")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert "secret words" not in reply.text + output.getvalue()
    crash = call.logged("request.crashed")
    assert (crash["level"], crash["error"]) == ("error", type(RAISED[kind]()).__name__)
    assert any("test_app.py" in frame and "fail" in frame for frame in crash["where"])


async def test_health_answers_without_a_caller(call: Caller) -> None:
    """The health check calls neither the provider nor the database: there is none here."""
    reply = await call("GET", "/health")
    assert reply.status_code == 200
    assert reply.json()["success"] is True


async def test_a_request_that_hangs_is_ended_soon_after_its_budget(
    services: Services, output: io.StringIO
) -> None:
    """The deadline answers 504, with CORS headers, and writes a log line."""
    async with calling(environment(REQUEST_TIMEOUT_SECONDS="0.05"), services, output) as call:
        reply = await call("GET", "/hang")
    assert shape(reply) == (504, "deadline_exceeded", FIELDS)
    assert reply.headers["access-control-allow-origin"] == "*"
    finished = call.logged("request.finished")
    assert (finished["status"], finished["code"]) == (504, "deadline_exceeded")
    assert 50 <= finished["ms"] < 2_000


async def test_the_parts_of_a_request_are_in_server_timing_and_the_log(call: Caller) -> None:
    """Each part's time is reported in milliseconds."""
    reply = await call("GET", "/timed")
    parts = dict(part.split(";dur=") for part in reply.headers["server-timing"].split(", "))
    assert set(parts) == {"db", "total"}
    assert float(parts["db"]) <= float(parts["total"])
    finished = call.logged("request.finished")
    assert (finished["function"], finished["method"], finished["model"]) == ("try-out", "GET", "gpt-4o")


class LambdaContext:
    """The platform's context of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining milliseconds."""
        return 1_500


async def messages_of(app: ASGIApp, path: str, **scope: object) -> list[Message]:
    """Send one GET on the bare protocol and return every message of the reply."""
    sent: list[Message] = []

    async def receive() -> Message:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Message) -> None:
        sent.append(message)

    fixed = {"type": "http", "method": "GET", "path": f"{URL}{path}", "query_string": b"", "headers": []}
    await app(fixed | scope, receive, send)
    return sent


async def test_a_stream_that_breaks_is_answered_once_and_logged(
    services: Services, output: io.StringIO
) -> None:
    """After the first byte nothing else can be sent: no second reply is written into the stream."""
    app = create_app("try-out", router, environment(), services)
    configure("INFO", output)
    sent = await messages_of(app, "/stream")
    assert [message["status"] for message in sent if message["type"] == "http.response.start"] == [200]
    assert b"".join(message.get("body", b"") for message in sent) == b"data: 1\n\n"
    events = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["request.crashed", "request.finished"]
    assert "secret words" not in output.getvalue()


async def test_the_guard_ends_a_request_before_the_platform_does(
    services: Services, output: io.StringIO
) -> None:
    """With 1.5 s left of the invocation, the reply is sent before they are over."""
    app = create_app("try-out", router, environment(), services)
    configure("INFO", output)
    loop = asyncio.get_running_loop()
    started = loop.time()
    sent = await messages_of(app, "/hang", **{"aws.context": LambdaContext()})
    assert sent[0]["status"] == 504
    assert loop.time() - started < 1.5
