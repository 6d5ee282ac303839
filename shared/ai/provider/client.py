"""The one place that talks to providers: OpenAI and whatever speaks its protocol."""

import asyncio
import gc
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from shared.ai.models.catalogue import Provider
from shared.ai.provider.completion import StreamedReply, flagged_in, reply_of
from shared.ai.provider.exchange import FailureKind, ProviderCall, ProviderFailure, ProviderReply
from shared.ai.provider.retry_after import retry_after_seconds
from shared.deadline import Deadline
from shared.errors import ServiceUnavailable
from shared.settings import Settings
from shared.single_flight import Ages, SingleFlight

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk
    from pydantic import SecretStr

MODERATION_MODEL = "omni-moderation-latest"

# A gateway that gave up waiting says nothing about whether the work was done and billed.
_FATE_UNKNOWN = {408, 502, 504, 524}


class Providers:
    """A client for each provider, made when first needed: importing the SDK costs half a second.

    `http` carries the requests of all of them where it is given; else each has a pool of its own, and all of them
    `tls`: reading the certificates of the world takes 20 ms.
    """

    def __init__(
        self,
        settings: Settings,
        http: "httpx2.AsyncClient | None" = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._http = http
        self._clients: SingleFlight[str, AsyncOpenAI] = SingleFlight(Ages(), most=len(get_args(Provider)))

    def prepare(self) -> None:
        """Begin, once, what the first request needs; it is done in a thread, while the reservation is on its way."""
        if self._clients.current("openai") is None:
            self._clients.begin("openai", partial(asyncio.to_thread, self._made, "openai"))

    def make(self) -> None:
        """Make, before any request, what the first one needs."""
        self._clients.keep("openai", self._made("openai"))

    async def _client(self, provider: str, until: Deadline) -> "AsyncOpenAI":
        """Return a provider's client; raises ProviderFailure where making it takes too long."""
        made = partial(asyncio.to_thread, self._made, provider)
        try:
            return await self._clients.get(provider, made, until.remaining)
        except ServiceUnavailable as exc:
            raise ProviderFailure(FailureKind.TIMEOUT, "not_billed") from exc

    async def complete(self, call: ProviderCall, until: Deadline) -> ProviderReply:
        """Send one request, once, and give the reply.

        Raises:
            ProviderFailure: it gave none that can be used, in time.
        """
        client = await self._client(call.model.provider, until)
        started = time.monotonic()
        async with _translated(started, until):
            raw = await client.chat.completions.with_raw_response.create(
                **_arguments(call), timeout=until.remaining()
            )
            completion = raw.parse()
        return reply_of(completion, raw.headers.get("x-request-id"), _ms_since(started))

    async def stream(self, call: ProviderCall, until: Deadline) -> AsyncGenerator[str | ProviderReply]:
        """Send one request, once, and give its texts as they come, then the reply as a whole.

        Closing the iterator ends the request at the provider.

        Raises:
            ProviderFailure: the stream did not begin, broke, or did not end in time.
        """
        client = await self._client(call.model.provider, until)
        started = time.monotonic()
        whole = StreamedReply()
        async with _translated(started, until):
            chunks = await client.chat.completions.create(
                **_arguments(call),
                stream=True,
                stream_options={"include_usage": True},
                timeout=until.remaining(),
            )
            whole.provider_request_id = chunks.response.headers.get("x-request-id")
        async with _closing(chunks):
            while True:
                async with _translated(started, until):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if text := whole.add(chunk):
                    yield text
        yield whole.reply(_ms_since(started))

    async def flags(self, text: str, until: Deadline) -> bool:
        """Ask OpenAI's moderation, once, whether it flags the text.

        Raises:
            ProviderFailure: it gave no judgement in time.
        """
        client = await self._client("openai", until)
        started = time.monotonic()
        async with _translated(started, until):
            raw = await client.moderations.with_raw_response.create(
                input=text, model=MODERATION_MODEL, timeout=until.remaining()
            )
            judgement = raw.parse()
        return flagged_in(judgement, _ms_since(started))

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients.drop_all():
            await client.close()

    def _made(self, provider: str) -> "AsyncOpenAI":
        """Import the SDK, and of its parts those that calls use, which it imports when they are first named."""
        # It makes many thousand objects that stay.
        gc.disable()
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415  # half a second

            client = AsyncOpenAI(
                api_key=self._anthropic_key if provider == "anthropic" else self._openai_key,
                base_url=_base_url(self._settings, provider),
                # Hidden retries would be requests that nobody recorded.
                max_retries=0,
                http_client=self._http or DefaultAsyncHttpxClient(verify=self._tls or True),
            )
            _ = client.chat.completions.with_raw_response
        finally:
            gc.freeze()
            gc.enable()
        return client

    async def _openai_key(self) -> str:
        return _text_of((await self._settings.secrets.current()).openai_api_key)

    async def _anthropic_key(self) -> str:
        return _text_of((await self._settings.secrets.current()).anthropic_api_key)


def _base_url(settings: Settings, provider: str) -> str:
    """Return the address; models of one's own are served where OPENAI_BASE_URL points."""
    if provider == "anthropic":
        return settings.anthropic_base_url.removesuffix("/v1") + "/v1"
    return settings.openai_base_url


def _text_of(key: "SecretStr | None") -> str:
    """Return a key as it is sent; without one the provider answers 401, and the next provider is asked."""
    return "missing" if key is None else key.get_secret_value()


def _arguments(call: ProviderCall) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": call.model.name,
        "messages": list(call.messages),
        call.model.output_limit_parameter: call.max_output_tokens,
    }
    if call.temperature is not None and call.model.temperature:
        arguments["temperature"] = call.temperature
    if call.schema is not None and (call.model.json_schema or call.model.json_mode):
        arguments["response_format"] = _response_format(call)
    return arguments


def _response_format(call: ProviderCall) -> dict[str, Any]:
    # A schema without properties asks for any object, which strict schemas cannot say.
    if not call.model.json_schema or "properties" not in (call.schema or {}):
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": call.schema_name, "schema": call.schema, "strict": True},
    }


@asynccontextmanager
async def _translated(started: float, until: Deadline) -> AsyncIterator[None]:
    """Bound a step by the deadline, and turn whatever the SDK raises into a ProviderFailure."""
    import httpx2  # noqa: PLC0415  # comes with the SDK
    from openai import APIError  # noqa: PLC0415  # half a second, spent in `_made`

    try:
        # The total: a provider that drips a byte a second outlives every read timeout.
        async with asyncio.timeout(until.remaining()):
            yield
    except (TimeoutError, httpx2.TimeoutException) as exc:
        raise ProviderFailure(FailureKind.TIMEOUT, "unknown", latency_ms=_ms_since(started)) from exc
    except APIError as exc:
        raise _failure(exc, _ms_since(started)) from exc
    except httpx2.HTTPError as exc:
        # A stream that broke with the request sent.
        raise ProviderFailure(FailureKind.UNREACHABLE, "unknown", latency_ms=_ms_since(started)) from exc
    except ValueError as exc:
        # A 200 whose body is no JSON: the work may have been done.
        raise ProviderFailure(
            FailureKind.MALFORMED, "unknown", http_status=200, latency_ms=_ms_since(started)
        ) from exc


@asynccontextmanager
async def _closing(chunks: "AsyncStream[ChatCompletionChunk]") -> AsyncIterator[None]:
    try:
        yield
    finally:
        await chunks.close()


def _failure(error: Exception, latency_ms: int) -> ProviderFailure:
    from openai import (  # noqa: PLC0415  # see _made
        APIConnectionError,
        APIResponseValidationError,
        APIStatusError,
        APITimeoutError,
    )

    match error:
        case APITimeoutError():
            return ProviderFailure(FailureKind.TIMEOUT, "unknown", latency_ms=latency_ms)
        case APIConnectionError():
            return _unreachable(error, latency_ms)
        case APIStatusError():
            return _status_failure(error.status_code, error.response.headers, latency_ms)
        case APIResponseValidationError():
            return ProviderFailure(FailureKind.MALFORMED, "unknown", http_status=200, latency_ms=latency_ms)
        case _:
            return ProviderFailure(FailureKind.MALFORMED, "unknown", latency_ms=latency_ms)


def _unreachable(error: Exception, latency_ms: int) -> ProviderFailure:
    """Tell a connection that never stood, which nobody bills, from one that broke with the request sent."""
    import httpx2  # noqa: PLC0415  # comes with the SDK

    never_stood = isinstance(
        error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout
    )
    return ProviderFailure(
        FailureKind.UNREACHABLE, "not_billed" if never_stood else "unknown", latency_ms=latency_ms
    )


def _status_failure(status: int, headers: Mapping[str, str], latency_ms: int) -> ProviderFailure:
    return ProviderFailure(
        _kind_of_status(status),
        "unknown" if status in _FATE_UNKNOWN else "not_billed",
        http_status=status,
        retry_after_seconds=retry_after_seconds(headers, datetime.now(UTC)),
        provider_request_id=headers.get("x-request-id"),
        latency_ms=latency_ms,
    )


def _kind_of_status(status: int) -> FailureKind:
    if status == 429:  # noqa: PLR2004  # the status is the name
        return FailureKind.RATE_LIMITED
    if status in {401, 403}:
        return FailureKind.CREDENTIALS
    if status in {408, 409} or status >= 500:  # noqa: PLR2004
        return FailureKind.SERVER_ERROR
    return FailureKind.REJECTED


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
