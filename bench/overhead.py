"""What a warm handler adds to the SDK calls that it makes, with a provider and a Supabase that take 0 ms."""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from statistics import median
from typing import Any

import httpx
from mangum import Mangum
from openai import AsyncOpenAI
from supabase import AsyncClient, AsyncClientOptions

from bench.replay import Replies, serve
from functions.generate_ai_content.routes import router
from local.commands.invoke import Context, api_gateway_event
from shared.http.app import create_app
from shared.services import build_services
from shared.settings import Settings
from tests.wire import Seen, Wire, pass_on, wire_before

WARM_UP = 50
ROUNDS = 5
CALLS = 100
URL = "/functions/v1/generate-ai-content"
BODY = {
    "messages": [{"role": "user", "content": "Say hello to Maria."}],
    "config": {"action": "ai_message", "model": "gpt-4o"},
}


@dataclass(frozen=True)
class OverheadFigures:
    """Milliseconds, medians over all rounds: the whole call, its SDK calls alone, and the difference."""

    call_ms: float
    sdk_ms: float

    @property
    def added_ms(self) -> float:
        """Return the time of Mangum, FastAPI and our own code."""
        return self.call_ms - self.sdk_ms


def overhead_figures(env: Mapping[str, str], token: str) -> OverheadFigures:
    """Record the replies of Supabase and the provider to one call, then measure calls that get them at once."""
    replies = asyncio.run(_recorded(dict(env), token))
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(replies, sender), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{receiver.recv()}"
        return _measured({**env, "SUPABASE_URL": url, "OPENAI_BASE_URL": f"{url}/v1"}, token, replies)
    finally:
        server.kill()
        server.join()


async def _recorded(env: dict[str, str], token: str) -> Replies:
    """Send one call to the real servers; return the replies by the last part of each path."""
    replies: Replies = {}

    async def record(wire: Wire, seen: Seen, request: Any) -> Any:  # noqa: ANN401
        reply = await pass_on(wire, seen, request)
        replies[seen.name] = (seen.body.decode(), bytes(reply.body).decode())
        return reply

    async with wire_before(env["SUPABASE_URL"]) as supabase, wire_before(env["OPENAI_BASE_URL"]) as provider:
        for name in ("ai_reserve", "ai_settle", "load_ai_configuration"):
            supabase.meet(name, record)
        provider.meet("completions", record)
        settings = Settings.from_env(env | {"SUPABASE_URL": supabase.url, "OPENAI_BASE_URL": provider.url})
        services = build_services(settings)
        app = create_app("generate-ai-content", router, settings, services)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            headers = {"authorization": f"Bearer {token}"}
            (await client.post(URL, json=BODY, headers=headers)).raise_for_status()
        await services.close()
    return replies


def _measured(env: dict[str, str], token: str, replies: Replies) -> OverheadFigures:
    with redirect_stdout(StringIO()):
        settings = Settings.from_env(env)
        app = create_app("generate-ai-content", router, settings, build_services(settings))
        handler = Mangum(app, lifespan="off")
        made = api_gateway_event(URL, {"authorization": f"Bearer {token}"}, json.dumps(BODY))
        loop = asyncio.get_event_loop()
        alone = _Alone(env, replies)

        def call() -> None:
            answer = handler(json.loads(json.dumps(made)), Context())  # type: ignore[arg-type]  # of its fields, the ones that are read
            if answer["statusCode"] != 200:  # noqa: PLR2004
                raise RuntimeError(str(answer))

        def sdk() -> None:
            loop.run_until_complete(alone())

        for each in (call, sdk):
            _times(each, WARM_UP)
        rounds = [(_times(call, CALLS), _times(sdk, CALLS)) for _ in range(ROUNDS)]
    return OverheadFigures(
        median(ms for calls, _ in rounds for ms in calls), median(ms for _, sdks in rounds for ms in sdks)
    )


class _Alone:
    """The same requests by the SDKs alone, one after another: reserve, completion, settle."""

    def __init__(self, env: Mapping[str, str], replies: Replies) -> None:
        self._supabase = (env["SUPABASE_URL"], env["SUPABASE_SECRET_KEY"])
        self._options = AsyncClientOptions(httpx_client=httpx.AsyncClient(), postgrest_client_retry=False)
        self._openai = AsyncOpenAI(api_key="bench", base_url=env["OPENAI_BASE_URL"], max_retries=0)
        self._sent = {name: json.loads(sent) for name, (sent, _) in replies.items()}

    async def __call__(self) -> None:
        await self._rpc("ai_reserve")
        raw = await self._openai.chat.completions.with_raw_response.create(**self._sent["completions"])
        raw.parse()
        await self._rpc("ai_settle")

    async def _rpc(self, name: str) -> None:
        await AsyncClient(*self._supabase, self._options).rpc(name, self._sent[name]).execute()


def _times(call: Callable[[], None], count: int) -> list[float]:
    """Return the milliseconds of each of `count` calls."""
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return taken
