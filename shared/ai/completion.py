"""A provider's answer as it came over the wire, buffered or in chunks, read with nothing taken for granted."""

from typing import TYPE_CHECKING, Any

from shared.ai.exchange import Billing, FailureKind, ProviderFailure, ProviderReply
from shared.ai.usage import Usage, usage_from_openai

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion, ChatCompletionChunk


class StreamedReply:
    """A streamed reply as it comes together."""

    def __init__(self) -> None:
        self.provider_request_id: str | None = None
        self._texts: list[str] = []
        self._usage: Usage | None = None
        self._finish_reason: str | None = None
        self._refused = False

    def add(self, chunk: "ChatCompletionChunk") -> str:
        """Take a chunk in and give its text, if any; compatible servers leave out what they like."""
        if (usage := usage_from_openai(_plain(getattr(chunk, "usage", None)))) is not None:
            self._usage = usage
        choices = getattr(chunk, "choices", None)
        if not choices:
            return ""
        choice = choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        if choice.delta is None:
            return ""
        self._refused = self._refused or bool(choice.delta.refusal)
        text = _storable(choice.delta.content or "")
        self._texts.append(text)
        return text

    def reply(self, latency_ms: int) -> ProviderReply:
        """Give the whole; raises ProviderFailure when it was refused or broke off before its end."""
        if self._refused or self._finish_reason == "content_filter":
            raise self._failure(FailureKind.REFUSED, latency_ms)
        if self._finish_reason is None:
            raise self._failure(FailureKind.MALFORMED, latency_ms)
        return ProviderReply(
            "".join(self._texts), self._finish_reason, self._usage, self.provider_request_id, latency_ms
        )

    def _failure(self, kind: FailureKind, latency_ms: int) -> ProviderFailure:
        return ProviderFailure(
            kind,
            "unknown" if self._usage is None else "reported",
            http_status=200,
            usage=self._usage,
            provider_request_id=self.provider_request_id,
            latency_ms=latency_ms,
        )


def reply_of(completion: "ChatCompletion", provider_request_id: str | None, latency_ms: int) -> ProviderReply:
    """Give a buffered answer; raises ProviderFailure when it is refused or holds nothing."""
    # Compatible servers send what they like under a 200: nothing is believed to be there.
    usage = usage_from_openai(_plain(getattr(completion, "usage", None)))
    choices = getattr(completion, "choices", None)
    billing: Billing = "unknown" if usage is None else "reported"
    if not choices or getattr(choices[0], "message", None) is None:
        raise ProviderFailure(
            FailureKind.MALFORMED,
            billing,
            http_status=200,
            usage=usage,
            provider_request_id=provider_request_id,
            latency_ms=latency_ms,
        )
    choice = choices[0]
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        raise ProviderFailure(
            FailureKind.REFUSED,
            billing,
            http_status=200,
            usage=usage,
            provider_request_id=provider_request_id,
            latency_ms=latency_ms,
        )
    return ProviderReply(
        _storable(choice.message.content or ""),
        choice.finish_reason or "stop",
        usage,
        provider_request_id,
        latency_ms,
    )


def _storable(text: str) -> str:
    """Drop what neither UTF-8 nor the database can hold: lone surrogates and null bytes."""
    return text.encode("utf-8", "ignore").decode().replace("\x00", "")


def _plain(usage: object) -> dict[str, Any] | None:
    if usage is None:
        return None
    dump = getattr(usage, "model_dump", None)
    plain = dump() if dump is not None else usage
    return plain if isinstance(plain, dict) else None
