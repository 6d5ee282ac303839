"""The clients of the providers: OpenAI, and others with its protocol."""

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

# A gateway's timeout does not say whether the work was done and billed.
_BILLING_UNKNOWN = {408, 502, 504, 524}


class Providers:
    """A client per provider, created at its first use, because importing the SDK takes half a second.

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
        self._clients: SingleFlight[str, AsyncOpenAI] = SingleFlight(
            Ages(), max_values=len(get_args(Provider))
        )

    def prepare(self) -> None:
        """Start to create the first client in a thread, while the reservation runs."""
        if self._clients.current("openai") is None:
            self._clients.start("openai", partial(asyncio.to_thread, self._create, "openai"))

    def make(self) -> None:
        """Create the first client before any request."""
        self._clients.keep("openai", self._create("openai"))

    async def _client(self, provider: str, deadline: Deadline) -> "AsyncOpenAI":
        """Return a provider's client; raise ProviderFailure if creating it takes too long."""
        create = partial(asyncio.to_thread, self._create, provider)
        try:
            return await self._clients.get(provider, create, deadline.remaining)
        except ServiceUnavailable as exc:
            raise ProviderFailure(FailureKind.TIMEOUT, "not_billed") from exc

    async def complete(self, call: ProviderCall, deadline: Deadline) -> ProviderReply:
        """Send one request once, and return its reply.

        Raises:
            ProviderFailure: no usable reply before the deadline.
        """
        client = await self._client(call.model.provider, deadline)
        started = time.monotonic()
        async with _translated(started, deadline):
            raw = await client.chat.completions.with_raw_response.create(
                **_arguments(call), timeout=deadline.remaining()
            )
            completion = raw.parse()
        return reply_of(completion, raw.headers.get("x-request-id"), _ms_since(started))

    async def stream(self, call: ProviderCall, deadline: Deadline) -> AsyncGenerator[str | ProviderReply]:
        """Send one request once, and yield its texts as they arrive, then the complete reply.

        Closing the iterator aborts the request.

        Raises:
            ProviderFailure: the stream did not start, failed, or did not end before the deadline.
        """
        client = await self._client(call.model.provider, deadline)
        started = time.monotonic()
        whole = StreamedReply()
        async with _translated(started, deadline):
            chunks = await client.chat.completions.create(
                **_arguments(call),
                stream=True,
                stream_options={"include_usage": True},
                timeout=deadline.remaining(),
            )
            whole.provider_request_id = chunks.response.headers.get("x-request-id")
        async with _closing(chunks):
            while True:
                async with _translated(started, deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if text := whole.add(chunk):
                    yield text
        yield whole.reply(_ms_since(started))

    async def flags(self, text: str, deadline: Deadline) -> bool:
        """Return whether OpenAI's moderation flags the text; send one request once.

        Raises:
            ProviderFailure: it gave no judgement in time.
        """
        client = await self._client("openai", deadline)
        started = time.monotonic()
        async with _translated(started, deadline):
            raw = await client.moderations.with_raw_response.create(
                input=text, model=MODERATION_MODEL, timeout=deadline.remaining()
            )
            judgement = raw.parse()
        return flagged_in(judgement, _ms_since(started))

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients.drop_all():
            await client.close()

    def _create(self, provider: str) -> "AsyncOpenAI":
        """Return a new client; import the SDK with the parts that calls use, which it loads at their first use."""
        # The import creates thousands of permanent objects.
        gc.disable()
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415  # half a second

            client = AsyncOpenAI(
                api_key=self._anthropic_key if provider == "anthropic" else self._openai_key,
                base_url=_base_url(self._settings, provider),
                # The SDK's own retries would be unrecorded requests.
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
    """Return the base URL; models of the deployment are served by OPENAI_BASE_URL."""
    if provider == "anthropic":
        return settings.anthropic_base_url.removesuffix("/v1") + "/v1"
    return settings.openai_base_url


def _text_of(key: "SecretStr | None") -> str:
    """Return the key; without one the provider answers 401, and the next provider is tried."""
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
    # A schema without properties means any object, which strict schemas cannot express.
    if not call.model.json_schema or "properties" not in (call.schema or {}):
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": call.schema_name, "schema": call.schema, "strict": True},
    }


@asynccontextmanager
async def _translated(started: float, deadline: Deadline) -> AsyncIterator[None]:
    """Limit a step by the deadline, and translate exceptions of the SDK into ProviderFailure."""
    import httpx2  # noqa: PLC0415  # comes with the SDK
    from openai import APIError  # noqa: PLC0415  # half a second, spent in `_create`

    try:
        # The total time: a provider that sends a byte per second never reaches a read timeout.
        async with asyncio.timeout(deadline.remaining()):
            yield
    except (TimeoutError, httpx2.TimeoutException) as exc:
        raise ProviderFailure(FailureKind.TIMEOUT, "unknown", latency_ms=_ms_since(started)) from exc
    except APIError as exc:
        raise _failure(exc, _ms_since(started)) from exc
    except httpx2.HTTPError as exc:
        # A stream that failed after the request was sent.
        raise ProviderFailure(FailureKind.UNREACHABLE, "unknown", latency_ms=_ms_since(started)) from exc
    except ValueError as exc:
        # A 200 without JSON: the work may have been done.
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
    from openai import (  # noqa: PLC0415  # see _create
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
    """Return the failure of a connection: not billed if it was never established, else of unknown billing."""
    import httpx2  # noqa: PLC0415  # comes with the SDK

    not_connected = isinstance(
        error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout
    )
    return ProviderFailure(
        FailureKind.UNREACHABLE, "not_billed" if not_connected else "unknown", latency_ms=latency_ms
    )


def _status_failure(status: int, headers: Mapping[str, str], latency_ms: int) -> ProviderFailure:
    return ProviderFailure(
        _kind_of_status(status),
        "unknown" if status in _BILLING_UNKNOWN else "not_billed",
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
