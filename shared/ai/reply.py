"""The reply of a delivered call, with the fields of all clients, and the records that end a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from shared.ai.delivery.run import Run
from shared.ai.money.reservation import output_limit
from shared.ai.task import Generated


@dataclass(frozen=True, slots=True)
class Reply:
    """A body with its status, and the values of its headers."""

    body: dict[str, Any]
    status: int
    model: str
    energy_remaining: int | None
    replayed: bool


def body_of(run: Run, generated: Generated) -> dict[str, Any]:
    """Return the reply's body; the settlement fills in the energy."""
    usage = run.usage()
    return {
        "success": True,
        "generationId": None if run.task.generation is None else str(uuid4()),
        "requestId": str(run.context.request_id),
        **run.task.reply(generated),
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
            "cached_tokens": usage.cached_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
        },
        "tokensUsed": usage.total_tokens,
        "modelName": run.served_by().name,
        "meta": _meta(run, generated),
    }


def _meta(run: Run, generated: Generated) -> dict[str, Any]:
    usage, served = run.usage(), run.served_by()
    latency_ms = round(run.context.elapsed_ms())
    return {
        "provider": served.provider,
        "model": served.name,
        "requestedModel": run.requested_model,
        "downgradeReason": run.downgrade_reason(),
        "finishReason": generated.finish_reason,
        "maxTokens": output_limit(run.task.limits, served),
        "tokensUsed": usage.total_tokens,
        "tokensPrompt": usage.prompt_tokens,
        "tokensCompletion": usage.completion_tokens,
        # A float is exact enough to show; ai_usage_logs has the exact value.
        "costUSD": float(run.cost_usd()),
        "energyConsumed": None,
        "energyRemaining": None,
        "latencyMs": latency_ms,
        "overheadMs": max(0, latency_ms - run.provider_ms()),
        "cached": run.loaded is not None and run.loaded.cached,
        "retryCount": run.retries(),
        "fallbackUsed": run.fell_back(),
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def settle_record(run: Run, generated: Generated, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the argument of ai_settle: the attempts, the reply to keep, and the row of the generation."""
    record = end_record(run)
    if run.call.idempotency_key is not None:
        record |= {"reply": body, "reply_status": 200}
    record |= run.task.rows(generated, run.usage().total_tokens)
    if run.task.generation is not None:
        record["generation"] = {
            "id": body["generationId"],
            "generation_type": run.task.generation.generation_type,
            "input_data": dict(run.task.generation.input_data),
            "output_text": generated.text if generated.value is None else None,
            "output_data": body.get("output") or {},
            "model_used": run.served_by().name,
            "tokens_used": run.usage().total_tokens,
        }
    return record


def end_record(run: Run) -> dict[str, Any]:
    """Return the record of every call, delivered or not."""
    served = run.served_by()
    return {
        "attempts": [attempt.record() for attempt in run.attempts],
        "parts": run.parts(),
        "provider": served.provider,
        "model": served.name,
        "model_class": served.model_class,
        "fallback_used": run.fell_back(),
        "downgrade_reason": run.downgrade_reason(),
        "latency_ms": round(run.context.elapsed_ms()),
        "prompt_version": run.task.prompt_version,
    }
