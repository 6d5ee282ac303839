"""Which models a call may use, in order: a table of wishes and needs against the shipped catalogue."""

import pytest

from shared.ai.models.catalogue import Catalogue
from shared.ai.models.selection import ClassLists, ModelPreference, Needs, candidates, fallbacks
from shared.errors import InvalidRequest, UnknownModel

CATALOGUE = Catalogue.load()
LISTS = ClassLists(("gpt-4o",), ("gpt-3.5-turbo", "gpt-4o-mini"))
SMALL = Needs(1_000, 500)
SCHEMA = Needs(1_000, 500, json_schema=True)
PICTURE = Needs(1_000, 500, images=1)

# gpt-3.5-turbo takes 16,385 tokens in all, of which 4,096 of output; the two others 128,000 and 16,384.
ORDERS: list[tuple[ModelPreference, Needs, list[str]]] = [
    (ModelPreference(), SMALL, ["gpt-4o", "gpt-3.5-turbo", "gpt-4o-mini"]),
    (ModelPreference(auto_select=False), SMALL, ["gpt-4o"]),
    (ModelPreference("gpt-4o"), SMALL, ["gpt-4o", "gpt-3.5-turbo", "gpt-4o-mini"]),
    (ModelPreference("gpt-4.1"), SMALL, ["gpt-4.1", "gpt-4o", "gpt-3.5-turbo", "gpt-4o-mini"]),
    (ModelPreference("gpt-4.1", auto_select=False), SMALL, ["gpt-4.1", "gpt-4o"]),
    (ModelPreference("gpt-4o-mini"), SMALL, ["gpt-4o-mini", "gpt-3.5-turbo"]),
    (ModelPreference("gpt-4o-mini", auto_select=False), SMALL, ["gpt-4o-mini", "gpt-3.5-turbo"]),
    (ModelPreference(), SCHEMA, ["gpt-4o", "gpt-4o-mini"]),
    # An image is 1,445 tokens to the one and 48,169 to the other.
    (ModelPreference(), Needs(126_000, 500, images=1), ["gpt-4o"]),
    (ModelPreference("gpt-3.5-turbo"), SCHEMA, ["gpt-3.5-turbo", "gpt-4o-mini"]),
    (ModelPreference(), PICTURE, ["gpt-4o", "gpt-4o-mini"]),
    (ModelPreference("gpt-3.5-turbo"), PICTURE, ["gpt-4o-mini"]),
    (ModelPreference(), Needs(12_289, 9_999), ["gpt-4o", "gpt-3.5-turbo", "gpt-4o-mini"]),
    (ModelPreference(), Needs(12_290, 9_999), ["gpt-4o", "gpt-4o-mini"]),
    (ModelPreference(), Needs(15_885, 500), ["gpt-4o", "gpt-3.5-turbo", "gpt-4o-mini"]),
    (ModelPreference(), Needs(15_886, 500), ["gpt-4o", "gpt-4o-mini"]),
    (ModelPreference("gpt-4.1"), Needs(900_000, 500), ["gpt-4.1"]),
    (
        ModelPreference("claude-sonnet-4-6"),
        SMALL,
        ["claude-sonnet-4-6", "gpt-4o", "gpt-3.5-turbo", "gpt-4o-mini"],
    ),
]


@pytest.mark.parametrize(("preference", "needs", "order"), ORDERS)
def test_candidates_are_in_the_order_of_wish_and_lists(
    preference: ModelPreference, needs: Needs, order: list[str]
) -> None:
    """The wished model is first, then its class, then the standard class; unsuitable models are omitted."""
    assert [model.name for model in candidates(preference, needs, CATALOGUE, LISTS)] == order


def test_a_class_in_which_nothing_holds_to_a_schema_stays() -> None:
    """A class without a model for JSON schemas is asked in JSON mode, and its answer is validated."""
    only = ClassLists(("gpt-4o",), ("gpt-3.5-turbo",))
    order = [model.name for model in candidates(ModelPreference(), SCHEMA, CATALOGUE, only)]
    assert order == ["gpt-4o", "gpt-3.5-turbo"]


@pytest.mark.parametrize(
    "preference",
    [
        ModelPreference("gpt-9"),
        ModelPreference(""),
        ModelPreference(fallback_model="gpt-9"),
        ModelPreference("GPT-4O"),
    ],
)
def test_fault_7_an_unknown_model_is_an_error(preference: ModelPreference) -> None:
    """An unknown model is an error, never replaced by another model or priced 0."""
    with pytest.raises(UnknownModel):
        candidates(preference, SMALL, CATALOGUE, LISTS)


def test_a_call_that_no_model_can_take_is_an_error() -> None:
    """Before anything is held, the error names the field and the reason."""
    with pytest.raises(InvalidRequest) as caught:
        candidates(ModelPreference(), Needs(2_000_000, 10), CATALOGUE, LISTS)
    assert caught.value.message == "No available model can take this request."
    assert caught.value.details == [
        {"field": "model", "message": "too small for the prompt and output asked for"}
    ]


ENERGY = {"premium": 10, "standard": 3}

# chosen, preference -> who may serve instead of it, at most two and never dearer than the hold.
SPARES: list[tuple[str, ModelPreference, list[str]]] = [
    ("gpt-4o", ModelPreference(), ["gpt-3.5-turbo", "gpt-4o-mini"]),
    ("gpt-4.1", ModelPreference("gpt-4.1"), ["gpt-4o", "gpt-3.5-turbo"]),
    ("gpt-3.5-turbo", ModelPreference(), ["gpt-4o-mini"]),
    ("gpt-4o-mini", ModelPreference("gpt-4o-mini"), ["gpt-3.5-turbo"]),
    ("gpt-4o", ModelPreference(allow_fallback=False), []),
    ("gpt-4o", ModelPreference(allow_fallback=False, fallback_model="gpt-4o-mini"), []),
    ("gpt-4o", ModelPreference(fallback_model="gpt-4.1-nano"), ["gpt-4.1-nano"]),
    ("gpt-4o", ModelPreference(fallback_model="gpt-4o"), []),
    ("gpt-4o-mini", ModelPreference("gpt-4o-mini", fallback_model="gpt-4o"), []),
]


@pytest.mark.parametrize(("chosen", "preference", "spare"), SPARES)
def test_a_fallback_is_within_the_hold(chosen: str, preference: ModelPreference, spare: list[str]) -> None:
    """A named fallback is the only one; else the other candidates follow in their order."""
    ordered = candidates(preference, SMALL, CATALOGUE, LISTS)
    found = fallbacks(CATALOGUE.get(chosen), preference, ordered, CATALOGUE, ENERGY)
    assert [model.name for model in found] == spare


def test_a_class_without_a_price_is_no_fallback() -> None:
    """A class that the ledger did not price cannot be within the hold."""
    ordered = candidates(ModelPreference(), SMALL, CATALOGUE, LISTS)
    assert fallbacks(CATALOGUE.get("gpt-4o"), ModelPreference(), ordered, CATALOGUE, {"premium": 10}) == []


def test_a_fallback_that_cannot_take_the_call_is_refused_by_its_field() -> None:
    """A prompt beyond gpt-3.5-turbo's context cannot fall back to it; the error comes before anything is sent."""
    preference = ModelPreference(model="gpt-4o", fallback_model="gpt-3.5-turbo")
    with pytest.raises(InvalidRequest) as refused:
        candidates(preference, Needs(prompt_tokens=60_000, output_tokens=100), CATALOGUE, LISTS)
    assert refused.value.details == [
        {"field": "fallbackModel", "message": "too small for the prompt and output asked for"}
    ]
