"""The request for a hold: the candidates in order, and the most that the call can cost."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.ai.call import Call, Visitor
from shared.ai.models.catalogue import Catalogue, Model
from shared.ai.models.cost import upper_bound_usd
from shared.ai.models.selection import MAX_FALLBACKS, Needs
from shared.ai.task import Limits, Structure, Task

OVERHEAD_BYTES = 512
"""Bytes of a request beside its prompt: the parameters as JSON, and the words around a schema."""

PART_BYTES = 512
"""Bytes of a part's own instruction, as a message."""


def needs(task: Task) -> Needs:
    """Return what the task needs of a model, by its limits, since the prompt does not exist yet."""
    limits, json_schema = task.limits, task.structure is not None
    return Needs(limits.prompt_bytes, limits.output_tokens, json_schema=json_schema, images=limits.images)


def output_limit(limits: Limits, model: Model) -> int:
    """Return the output limit in tokens that is sent: the task's, clamped to the model's."""
    return min(limits.output_tokens, model.max_output_tokens)


def cost_bound_usd(limits: Limits, structure: Structure | None, model: Model, prompt_bytes: int) -> Decimal:
    """Return the most that one attempt at the model can cost in USD, with a prompt of `prompt_bytes`."""
    # A model without a schema parameter gets the schema in its prompt.
    schema = "" if structure is None else json.dumps(structure.schema)
    size = prompt_bytes + len(schema.encode()) + OVERHEAD_BYTES
    return upper_bound_usd(model, size, output_limit(limits, model), images=limits.images)


def max_attempts(task: Task) -> int:
    """Return how many attempts the task may send: tries of the first model, fallbacks and one repair, for each part."""
    repairs = int(task.structure is not None)
    return (1 + task.limits.retries + MAX_FALLBACKS + repairs) * max(len(task.parts), 1)


def reservation(
    call: Call, request_id: UUID, ordered: Sequence[Model], catalogue: Catalogue
) -> Mapping[str, Any]:
    """Return the argument of ai_reserve; the ledger adds the lifetime of the hold.

    Raises:
        UnknownPrice: a model that may serve has no price; nothing has been sent.
    """
    task = call.task
    bounds = {model: _bound_usd(task, model) for model in ordered}
    fallback = task.preference.fallback_model
    spare = [] if fallback is None else [_bound_usd(task, catalogue.get(fallback))]
    highest = max([*bounds.values(), *spare])
    return {
        "request_id": str(request_id),
        "user_id": call.caller.user_id,
        "function_name": call.function_name,
        "action": task.action,
        "units": task.units,
        "candidates": [_candidate(model, bound) for model, bound in bounds.items()],
        "cost_bound_usd": str(highest * max_attempts(task)),
        "requested_model": requested_model(task, ordered),
        "paid_tiers_only": task.upgrade_message is not None,
        "idempotency_key": call.idempotency_key,
        "body_hash": call.body_hash,
        "group_key": task.group_key,
        "prospect_id": task.reading.prospect_id,
        "prompt_version": task.prompt_version,
        **_visitor(call.visitor),
    }


def _bound_usd(task: Task, model: Model) -> Decimal:
    instruction = PART_BYTES if task.parts else 0
    return cost_bound_usd(task.limits, task.structure, model, task.limits.prompt_bytes + instruction)


def _candidate(model: Model, bound_usd: Decimal) -> dict[str, str]:
    return {
        "model": model.name,
        "provider": model.provider,
        "model_class": model.model_class,
        "cost_bound_usd": str(bound_usd),
    }


def _visitor(visitor: Visitor | None) -> dict[str, str]:
    """Return what a visitor's limits and keys count by; a signed-in caller has an account for that."""
    if visitor is None:
        return {}
    return {
        "idempotency_scope": visitor.session_id,
        "visitor_session_id": visitor.session_id,
        "visitor_address_hash": visitor.address_hash,
    }


def requested_model(task: Task, ordered: Sequence[Model]) -> str:
    """Return the name of the preferred model, else the first candidate."""
    return ordered[0].name if task.preference.model is None else task.preference.model
