"""Which models a call may use, in order: a pure function of the preference, the needs and the catalogue.

Tier and energy are not checked here: the reservation takes the first candidate that both allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.ai.models.catalogue import Catalogue, Model
from shared.errors import InvalidRequest

MAX_FALLBACKS = 2
"""The number of other models that a failing call may try."""


@dataclass(frozen=True, slots=True)
class ModelPreference:
    """What the caller prefers; without a model the class lists decide."""

    model: str | None = None
    auto_select: bool = True
    allow_fallback: bool = True
    fallback_model: str | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task needs of a model; sizes in tokens, and every byte of a prompt counts as one."""

    prompt_tokens: int
    output_tokens: int
    json_schema: bool = False
    images: int = 0


@dataclass(frozen=True, slots=True)
class ClassLists:
    """The default models of the two classes, best first."""

    premium: Sequence[str]
    standard: Sequence[str]


def candidates(
    preference: ModelPreference, needs: Needs, catalogue: Catalogue, lists: ClassLists
) -> list[Model]:
    """Return the models that can serve the task, the preferred one first.

    Raises:
        UnknownModel: the preferred or the fallback model is not in the catalogue.
        InvalidRequest: no model of the allowed classes can serve the task.
    """
    if preference.fallback_model is not None and not _fits(catalogue.get(preference.fallback_model), needs):
        raise _too_small("fallbackModel")
    preferred = None if preference.model is None else catalogue.get(preference.model)
    capable = [
        model for model in _ordered(preferred, preference, needs, catalogue, lists) if _fits(model, needs)
    ]
    if not capable:
        raise _too_small("model")
    return capable


def _too_small(field: str) -> InvalidRequest:
    return InvalidRequest(
        "No available model can take this request.",
        details=[{"field": field, "message": "too small for the prompt and output asked for"}],
    )


def _ordered(
    preferred: Model | None,
    preference: ModelPreference,
    needs: Needs,
    catalogue: Catalogue,
    lists: ClassLists,
) -> list[Model]:
    premium = _of_class(lists.premium, needs, catalogue)
    standard = _of_class(lists.standard, needs, catalogue)
    if preferred is None:
        default = premium + (standard if preference.auto_select else [])
    elif preferred.model_class == "premium":
        default = [preferred, *premium, *(standard if preference.auto_select else [])]
    else:
        default = [preferred, *standard]
    return list(dict.fromkeys(default))


def _of_class(names: Sequence[str], needs: Needs, catalogue: Catalogue) -> list[Model]:
    """Return a class's models; those without schema support are omitted if another of the class has it.

    This does not apply to a model that is preferred by name: it gets JSON mode, and its answer is validated.
    """
    models = [catalogue.get(name) for name in names]
    with_schema = [model for model in models if model.json_schema]
    return with_schema if needs.json_schema and with_schema else models


def _fits(model: Model, needs: Needs) -> bool:
    """Return whether the model can take the prompt, its images and the output, clamped to the model's own limit."""
    output = min(needs.output_tokens, model.max_output_tokens)
    tokens = needs.prompt_tokens + needs.images * model.image_tokens + output
    return tokens <= model.context_tokens and (model.vision or needs.images == 0)


def fallbacks(
    chosen: Model,
    preference: ModelPreference,
    ordered: Sequence[Model],
    catalogue: Catalogue,
    class_energy: Mapping[str, int],
) -> list[Model]:
    """Return the models that may replace a failing one; none costs more energy than the hold."""
    if not preference.allow_fallback:
        return []
    others = (
        [catalogue.get(preference.fallback_model)] if preference.fallback_model is not None else list(ordered)
    )
    held = class_energy[chosen.model_class]
    within = {name for name, energy in class_energy.items() if energy <= held}
    allowed = [model for model in others if model != chosen and model.model_class in within]
    return list(dict.fromkeys(allowed))[:MAX_FALLBACKS]
