"""A provider's answer, buffered or in chunks, read without trust in its form."""

from collections.abc import Mapping
from typing import Any

from shared.ai.models.usage import Usage, usage_from_openai
from shared.ai.provider.exchange import Billing, FailureKind, ProviderFailure, ProviderReply


class StreamedReply:
    """A streamed reply, collected from its chunks."""

    def __init__(self) -> None:
        self.provider_request_id: str | None = None
        self._texts: list[str] = []
        self._usage: Usage | None = None
        self._finish_reason: str | None = None
        self._refused = False

    def add(self, chunk: object) -> str:
        """Add a chunk of the SDK and return its text, which may be empty; compatible servers omit fields."""
        plain = _plain(chunk)
        if (usage := usage_from_openai(plain.get("usage"))) is not None:
            self._usage = usage
        choice = _first_choice(plain)
        self._finish_reason = _finish_reason(choice) or self._finish_reason
        delta = _mapping(choice.get("delta"))
        self._refused = self._refused or bool(delta.get("refusal"))
        text = _text(delta) or ""
        self._texts.append(text)
        return text

    def reply(self, latency_ms: int) -> ProviderReply:
        """Return the complete reply; raise ProviderFailure if it was refused or is incomplete."""
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


def reply_of(completion: object, provider_request_id: str | None, latency_ms: int) -> ProviderReply:
    """Return the reply of a buffered answer; raise ProviderFailure if it was refused or has no text."""
    plain = _plain(completion)
    usage = usage_from_openai(plain.get("usage"))
    choice = _first_choice(plain)
    message = _mapping(choice.get("message"))
    text, finish_reason = _text(message), _finish_reason(choice)
    refused = finish_reason == "content_filter" or bool(message.get("refusal"))
    if refused or text is None:
        billing: Billing = "unknown" if usage is None else "reported"
        raise ProviderFailure(
            FailureKind.REFUSED if refused else FailureKind.MALFORMED,
            billing,
            http_status=200,
            usage=usage,
            provider_request_id=provider_request_id,
            latency_ms=latency_ms,
        )
    return ProviderReply(text, finish_reason or "stop", usage, provider_request_id, latency_ms)


def flagged_in(judgement: object, latency_ms: int) -> bool:
    """Return whether a moderation's answer flags anything; raise ProviderFailure if it has no result."""
    results = _plain(judgement).get("results")
    flags = [_mapping(result).get("flagged") for result in results] if isinstance(results, list) else []
    if not flags or not all(isinstance(flag, bool) for flag in flags):
        raise ProviderFailure(FailureKind.MALFORMED, "not_billed", http_status=200, latency_ms=latency_ms)
    return any(flags)


def _plain(parsed: object) -> Mapping[str, Any]:
    """Return the SDK's object as plain data; the SDK validates nothing, so any field may have any type."""
    dump = getattr(parsed, "model_dump", None)
    return _mapping(dump(warnings=False) if dump is not None else parsed)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first_choice(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = plain.get("choices")
    return _mapping(choices[0]) if isinstance(choices, list) and choices else {}


def _finish_reason(choice: Mapping[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return None if reason is None or reason == "" else str(reason)


def _text(message: Mapping[str, Any]) -> str | None:
    """Return the text without lone surrogates and null bytes, which UTF-8 or PostgreSQL cannot store."""
    text = message.get("content")
    if not isinstance(text, str):
        return None
    return text.encode("utf-8", "ignore").decode().replace("\x00", "")
