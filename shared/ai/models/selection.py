"""Which models a call may use, in order: a pure function of what was asked and what the catalogue knows.

Tier and energy are not looked at here: the reservation takes the first candidate that both allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.ai.models.catalogue import Catalogue, Model
from shared.errors import InvalidRequest

MAX_FALLBACKS = 2
"""Other models that a failing call may go on to."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for; a None model leaves the choice to the class lists."""

    model: str | None = None
    auto_select: bool = True
    allow_fallback: bool = True
    fallback_model: str | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What the call needs of a model; sizes in tokens, where every byte of a prompt counts as one."""

    prompt_tokens: int
    output_tokens: int
    json_schema: bool = False
    images: int = 0


@dataclass(frozen=True, slots=True)
class ClassLists:
    """The default models of the two classes, best first."""

    premium: Sequence[str]
    standard: Sequence[str]


def candidates(wish: Wish, needs: Needs, catalogue: Catalogue, lists: ClassLists) -> list[Model]:
    """Return the models that can serve the call, the wished one first.

    Raises:
        UnknownModel: the wished or the fallback model is not in the catalogue.
        InvalidRequest: no model of the allowed classes can take the call.
    """
    if wish.fallback_model is not None and not _fits(catalogue.get(wish.fallback_model), needs):
        raise _too_small("fallbackModel")
    wished = None if wish.model is None else catalogue.get(wish.model)
    capable = [model for model in _ordered(wished, wish, needs, catalogue, lists) if _fits(model, needs)]
    if not capable:
        raise _too_small("model")
    return capable


def _too_small(field: str) -> InvalidRequest:
    return InvalidRequest(
        "No available model can take this request.",
        details=[{"field": field, "message": "too small for the prompt and output asked for"}],
    )


def _ordered(
    wished: Model | None, wish: Wish, needs: Needs, catalogue: Catalogue, lists: ClassLists
) -> list[Model]:
    premium = _of_class(lists.premium, needs, catalogue)
    standard = _of_class(lists.standard, needs, catalogue)
    if wished is None:
        default = premium + (standard if wish.auto_select else [])
    elif wished.model_class == "premium":
        default = [wished, *premium, *(standard if wish.auto_select else [])]
    else:
        default = [wished, *standard]
    return list(dict.fromkeys(default))


def _of_class(names: Sequence[str], needs: Needs, catalogue: Catalogue) -> list[Model]:
    """Return a class's models; one that cannot hold to a schema is left out where another of its class can.

    A model that was asked for by name is honoured all the same: JSON mode, and validation of what it gives.
    """
    models = [catalogue.get(name) for name in names]
    with_schema = [model for model in models if model.json_schema]
    return with_schema if needs.json_schema and with_schema else models


def _fits(model: Model, needs: Needs) -> bool:
    """Return whether prompt and output fit; the output limit is clamped elsewhere, but never to nothing."""
    output = min(needs.output_tokens, model.max_output_tokens)
    tokens = needs.prompt_tokens + needs.images * model.image_tokens + output
    return tokens <= model.context_tokens and (model.vision or needs.images == 0)


def fallbacks(
    chosen: Model, wish: Wish, ordered: Sequence[Model], catalogue: Catalogue, class_energy: Mapping[str, int]
) -> list[Model]:
    """Return the models that may serve instead of a failing one, none of which costs more energy than the hold."""
    if not wish.allow_fallback:
        return []
    others = [catalogue.get(wish.fallback_model)] if wish.fallback_model is not None else list(ordered)
    held = class_energy[chosen.model_class]
    within = {name for name, energy in class_energy.items() if energy <= held}
    allowed = [model for model in others if model != chosen and model.model_class in within]
    return list(dict.fromkeys(allowed))[:MAX_FALLBACKS]
