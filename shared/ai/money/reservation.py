"""What is asked of the ledger before a call: ordered candidates, and the most that the call can cost."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.ai.call import AICall
from shared.ai.models.catalogue import Catalogue, Model
from shared.ai.models.cost import upper_bound_usd
from shared.ai.models.selection import MAX_FALLBACKS, Needs

OVERHEAD_BYTES = 512
"""What a request carries besides the prompt: its parameters as JSON, and the words around a schema."""

PART_BYTES = 512
"""What a part is told of its share: its instruction, as a message."""


def needs(call: AICall) -> Needs:
    """Return what the call asks of a model, by its bounds: the prompt does not exist yet."""
    return Needs(
        call.prompt_limit_bytes,
        call.max_output_tokens,
        json_schema=call.structure is not None,
        images=call.images,
    )


def output_limit(call: AICall, model: Model) -> int:
    """Return the output limit that is sent: what the call asks, clamped to what the model can."""
    return min(call.max_output_tokens, model.max_output_tokens)


def cost_bound_usd(call: AICall, model: Model, prompt_bytes: int) -> Decimal:
    """Return the most that one attempt at the model can cost, in USD, with a prompt of at most so many bytes."""
    # A model that takes no schema by parameter is told it in words.
    schema = "" if call.structure is None else json.dumps(call.structure.schema)
    size = prompt_bytes + len(schema.encode()) + OVERHEAD_BYTES + (PART_BYTES if call.parts else 0)
    return upper_bound_usd(model, size, output_limit(call, model), images=call.images)


def most_attempts(call: AICall) -> int:
    """Return how many requests the call may send: tries at the chosen model, fallbacks, one repair; for each part."""
    return (1 + call.retries + MAX_FALLBACKS + (call.structure is not None)) * max(len(call.parts), 1)


def reservation(
    call: AICall, request_id: UUID, ordered: Sequence[Model], catalogue: Catalogue
) -> Mapping[str, Any]:
    """Return the argument of ai_reserve; the hold's life is added by the ledger.

    Raises:
        UnknownPrice: a model that may be asked has no price; nothing has been sent.
    """
    bounds = [cost_bound_usd(call, model, call.prompt_limit_bytes) for model in ordered]
    if call.wish.fallback_model is not None:
        spare = catalogue.get(call.wish.fallback_model)
        bounds.append(cost_bound_usd(call, spare, call.prompt_limit_bytes))
    return {
        "request_id": str(request_id),
        "user_id": call.caller.user_id,
        "function_name": call.function_name,
        "action": call.action,
        "units": call.units,
        "candidates": [_candidate(model, bound) for model, bound in zip(ordered, bounds, strict=False)],
        "cost_bound_usd": str(max(bounds) * most_attempts(call)),
        "requested_model": requested_model(call, ordered),
        "paid_tiers_only": call.paid_tiers_only,
        "idempotency_key": call.idempotency_key,
        "body_hash": call.body_hash,
        "group_key": call.group_key,
        "prospect_id": call.prospect_id,
        "prompt_version": call.prompt_version,
        **_visitor(call),
    }


def _candidate(model: Model, bound_usd: Decimal) -> dict[str, str]:
    return {
        "model": model.name,
        "provider": model.provider,
        "model_class": model.model_class,
        "cost_bound_usd": str(bound_usd),
    }


def _visitor(call: AICall) -> dict[str, str]:
    """Return by what a visitor's limits and keys count; a signed-in caller is known by his account."""
    if call.visitor is None:
        return {}
    return {
        "idempotency_scope": call.visitor.session_id,
        "visitor_session_id": call.visitor.session_id,
        "visitor_address_hash": call.visitor.address_hash,
    }


def requested_model(call: AICall, ordered: Sequence[Model]) -> str:
    """Return the model that was asked for: by name, else the first of the default order."""
    return ordered[0].name if call.wish.model is None else call.wish.model
