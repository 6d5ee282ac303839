"""The catalogue: its models agree with the providers' limits, and invalid data does not load."""

import json
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local.provider.limits import MODELS
from shared.ai.models import catalogue
from shared.ai.models.catalogue import Catalogue, CatalogueError
from shared.errors import UnknownModel
from tests.shared.ai.models.usage_shapes import NOW

SHIPPED = Path(catalogue.__file__).parent
LLAMA: dict[str, Any] = {
    "name": "llama3.1:8b",
    "model_class": "standard",
    "context_tokens": 8192,
    "max_output_tokens": 2048,
    "input_per_mtok": 0,
    "output_per_mtok": "0.10",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the shipped data that a test may change."""
    for path in SHIPPED.glob("*.json"):
        shutil.copy(path, tmp_path)
    return tmp_path


def _spoil(path: Path, key: str, **changes: object) -> None:
    document = json.loads(path.read_text("utf-8"))
    document[key][0] |= changes
    path.write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize("model", list(Catalogue.load()), ids=lambda model: model.name)
def test_limits_agree_with_the_independent_statement(model: catalogue.Model) -> None:
    """The limits in the catalogue are those that the simulated provider states separately."""
    limits = MODELS[model.name]
    assert (model.context_tokens, model.max_output_tokens) == (limits.context_tokens, limits.output_tokens)
    assert (model.vision, model.json_schema) == (limits.vision, limits.json_schema)
    assert model.json_mode is not limits.ignores_response_format
    assert model.temperature is not limits.reasoning
    assert (model.output_limit_parameter == "max_completion_tokens") is limits.reasoning


def test_default_models_of_both_classes_are_known() -> None:
    """gpt-4o is premium; gpt-3.5-turbo and gpt-4o-mini are standard."""
    known = Catalogue.load()
    classes = {name: known.get(name).model_class for name in ("gpt-4o", "gpt-3.5-turbo", "gpt-4o-mini")}
    assert classes == {"gpt-4o": "premium", "gpt-3.5-turbo": "standard", "gpt-4o-mini": "standard"}


def test_old_model_lacks_schema_vision_and_long_output() -> None:
    """gpt-3.5-turbo has only JSON mode, no images, and 4,096 tokens of output."""
    model = Catalogue.load().get("gpt-3.5-turbo")
    assert (model.json_schema, model.json_mode, model.vision, model.max_output_tokens) == (
        False,
        True,
        False,
        4096,
    )


def test_unknown_model_is_an_error() -> None:
    """An unknown name is an error and never replaced by another model."""
    with pytest.raises(UnknownModel):
        Catalogue.load().get("gpt-4o-2031")


def test_every_model_has_a_price_today() -> None:
    """Each model has rates above zero for today."""
    for model in Catalogue.load():
        price = model.prices[-1]
        assert price.start is None or price.start <= NOW
        assert all(min(tier.input_per_mtok, tier.output_per_mtok) > 0 for tier in price.tiers)


@pytest.mark.parametrize("value", ["-2.5", "0", "NaN", "Infinity", "", "cheap", None, 2.5, True])
def test_fault_7_negative_or_missing_price_cannot_load(folder: Path, value: object) -> None:
    """A negative or missing price, which would make limits useless, cannot load (fault 7)."""
    _spoil(folder / "prices.json", "prices", per_mtok={"input": value, "output": "10"})
    with pytest.raises(CatalogueError, match="gpt-4o: input"):
        Catalogue.load(folder=folder)


def test_model_without_a_price_cannot_load(folder: Path) -> None:
    """A model without a price stops the start instead of being priced 0 (fault 7)."""
    _spoil(folder / "prices.json", "prices", model="gpt-4o-renamed")
    with pytest.raises(CatalogueError, match="gpt-4o: a model needs at least one price"):
        Catalogue.load(folder=folder)


@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        ([{"above_tokens": 0, "per_mtok": {"input": "1", "output": "1"}}], "rising"),
        ([{"per_mtok": {"input": "1", "output": "1"}}], "above_tokens"),
        ([{"above_tokens": 10}], "per_mtok"),
        ([{"above_tokens": 10, "per_mtok": {"input": "1", "output": "-1"}}], "output"),
    ],
)
def test_tiers_out_of_order_cannot_load(folder: Path, tiers: list[Any], said: str) -> None:
    """A tier must start above the tier before it and have all rates."""
    _spoil(folder / "prices.json", "prices", tiers=tiers)
    with pytest.raises(CatalogueError, match=said):
        Catalogue.load(folder=folder)


@pytest.mark.parametrize("day", ["soon", "2026-13-01"])
def test_price_from_no_day_cannot_load(folder: Path, day: str) -> None:
    """The first day of a price must be a calendar day."""
    _spoil(folder / "prices.json", "prices", **{"from": day})
    with pytest.raises(CatalogueError, match="from must be a day"):
        Catalogue.load(folder=folder)


def test_override_replaces_the_prices_of_its_model(folder: Path) -> None:
    """A row of our own dated file replaces all rows of that model."""
    row = {"model": "gpt-4o", "provider": "openai", "per_mtok": {"input": "3", "output": "12"}}
    (folder / "prices_override.json").write_text(json.dumps({"prices": [row]}), "utf-8")
    (price,) = Catalogue.load(folder=folder).get("gpt-4o").prices
    assert price.tiers[0].input_per_mtok == Decimal(3)


def test_shipped_files_have_their_date_and_sources() -> None:
    """Models, prices and overrides each have a date; the first two also name their sources."""
    for name in ("models.json", "prices.json", "prices_override.json"):
        document = json.loads((SHIPPED / name).read_text("utf-8"))
        assert document["written"] >= "2026-11-22"
        assert name == "prices_override.json" or document["sources"]


def test_extra_model_of_a_deployment_is_known() -> None:
    """A model on one's own server may have free input; JSON mode is assumed, schemas are not."""
    known = Catalogue.load(json.dumps([LLAMA]))
    model = known.get("llama3.1:8b")
    assert len(known) == len(Catalogue.load()) + 1
    assert (model.provider, model.model_class, model.json_mode, model.json_schema) == (
        "compatible",
        "standard",
        True,
        False,
    )
    rates = model.prices[0].tiers[0]
    assert (rates.input_per_mtok, rates.output_per_mtok) == (Decimal(0), Decimal("0.10"))


def test_extra_price_with_a_point_is_read_without_binary_floats() -> None:
    """0.1 in JSON is exactly one tenth."""
    known = Catalogue.load(json.dumps([LLAMA | {"output_per_mtok": 0.1}]))
    assert known.get("llama3.1:8b").prices[0].tiers[0].output_per_mtok == Decimal("0.1")


@pytest.mark.parametrize("text", [None, "", "  ", "[]"])
def test_no_extra_models_is_fine(text: str | None) -> None:
    """An unset or empty variable adds nothing."""
    assert len(Catalogue.load(text)) == len(Catalogue.load())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "gpt-4o"}, "twice"),
        ({"model_class": "luxury"}, "model_class must be one of premium, standard"),
        ({"context_tokens": 0}, "context_tokens must be an integer of at least 1"),
        ({"max_output_tokens": "2048"}, "max_output_tokens"),
        ({"vision": "yes"}, "vision must be true or false"),
        ({"vision": True}, "image_tokens"),
        ({"output_limit_parameter": "limit"}, "output_limit_parameter"),
        ({"input_per_mtok": -1}, "input must be"),
        ({"input_per_mtok": None}, "input must be"),
        ({"input_per_mtok": "1e30"}, "input must be"),
        ({"input_per_mtok": "0.0000001"}, "at most 6 decimals"),
        ({"audio_per_mtok": 1}, "unknown prices"),
        ({"contextTokens": 5}, "unknown"),
    ],
)
def test_faulty_extra_model_stops_the_start(changes: dict[str, Any], said: str) -> None:
    """Each field is checked and the error names it."""
    with pytest.raises(CatalogueError, match=said):
        Catalogue.load(json.dumps([LLAMA | changes]))


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '"llama"'])
def test_extra_models_that_are_no_array_stop_the_start(text: str) -> None:
    """The variable must contain a JSON array of objects."""
    with pytest.raises(CatalogueError, match="EXTRA_MODELS"):
        Catalogue.load(text)


def test_extra_model_without_a_price_stops_the_start() -> None:
    """An extra model must have an explicit price, even if it is 0 (fault 7)."""
    unpriced = {key: value for key, value in LLAMA.items() if not key.endswith("_per_mtok")}
    with pytest.raises(CatalogueError, match="input must be"):
        Catalogue.load(json.dumps([unpriced]))


def test_catalogue_imports_nothing_but_the_standard_library() -> None:
    """Catalogue and cost import no other library, which would make cold starts slower."""
    script = (
        "import sys; before = set(sys.modules); import shared.ai.models.catalogue, shared.ai.models.cost;"
        "tops = {name.split('.')[0] for name in set(sys.modules) - before} - {'shared'};"
        "print(*sorted(tops - set(sys.stdlib_module_names)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
