"""The known models: abilities, limits and prices."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast, get_args

from shared.ai.models.prices import Price, PriceError, read_prices
from shared.errors import UnknownModel

Provider = Literal["openai", "anthropic", "compatible"]
ModelClass = Literal["premium", "standard"]
OutputLimitParameter = Literal["max_tokens", "max_completion_tokens"]

_FOLDER = Path(__file__).parent
_DEFAULTS: dict[str, Any] = {
    "vision": False,
    "json_schema": False,
    "json_mode": True,
    "output_limit_parameter": "max_tokens",
    "temperature": True,
    "image_tokens": 0,
}
_COUNTS = ("context_tokens", "max_output_tokens")
_FLAGS = ("vision", "json_schema", "json_mode", "temperature")
_CHOICES: dict[str, tuple[str, ...]] = {
    "provider": get_args(Provider),
    "model_class": get_args(ModelClass),
    "output_limit_parameter": get_args(OutputLimitParameter),
}


class CatalogueError(ValueError):
    """The catalogue cannot be loaded; the message names the model and the field."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `temperature`: whether it takes one; `image_tokens`: the upper bound of one image."""

    name: str
    provider: Provider
    model_class: ModelClass
    context_tokens: int
    max_output_tokens: int
    vision: bool
    json_schema: bool
    json_mode: bool
    output_limit_parameter: OutputLimitParameter
    temperature: bool
    image_tokens: int
    prices: tuple[Price, ...]


class Catalogue:
    """The known models, by name."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = dict(models)

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    @classmethod
    def load(cls, extra_models: str | None = None, folder: Path = _FOLDER) -> "Catalogue":
        """Return the shipped models with their prices, and those of the deployment (`EXTRA_MODELS`, a JSON array).

        Raises CatalogueError if a model or a price is missing, invalid or duplicated: nothing is loaded partly.
        """
        prices = _read_rows(folder / "prices.json") | _read_rows(folder / "prices_override.json")
        entries = json.loads((folder / "models.json").read_text("utf-8"))["models"]
        models = [_read_model(entry, prices.get(entry.get("name"), [])) for entry in entries]
        models += [_read_extra(entry) for entry in _parse_extra(extra_models)]
        by_name = {model.name: model for model in models}
        if len(by_name) < len(models):
            raise CatalogueError("a model is in the catalogue twice")
        return cls(by_name)

    def get(self, name: str) -> Model:
        """Return the model of this name; raises UnknownModel."""
        model = self._models.get(name)
        if model is None:
            raise UnknownModel
        return model


def _read_rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(path.read_text("utf-8"))["prices"]:
        rows.setdefault(row["model"], []).append(row)
    return rows


def _read_model(entry: Mapping[str, Any], rows: list[dict[str, Any]], *, free: bool = False) -> Model:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise CatalogueError(f"a model needs a name, not {name!r}")
    fields = _DEFAULTS | {key: value for key, value in entry.items() if key != "name"}
    problem = _problem_in(fields)
    if problem is not None:
        raise CatalogueError(f"{name}: {problem}")
    try:
        return Model(name=name, prices=read_prices(rows, free=free), **fields)
    except PriceError as error:
        raise CatalogueError(f"{name}: {error}") from error


def _problem_in(fields: Mapping[str, Any]) -> str | None:
    known = {*_DEFAULTS, *_COUNTS, *_CHOICES}
    if set(fields) != known:
        return f"missing {sorted(known - set(fields))}, unknown {sorted(set(fields) - known)}"
    for key in _COUNTS:
        if type(fields[key]) is not int or fields[key] < 1:
            return f"{key} must be an integer of at least 1, not {fields[key]!r}"
    if type(fields["image_tokens"]) is not int or fields["image_tokens"] < int(fields["vision"] is True):
        return "image_tokens must be an integer, and at least 1 where the model sees"
    for key in _FLAGS:
        if type(fields[key]) is not bool:
            return f"{key} must be true or false, not {fields[key]!r}"
    for key, allowed in _CHOICES.items():
        if fields[key] not in allowed:
            return f"{key} must be one of {', '.join(allowed)}, not {fields[key]!r}"
    return None


def _parse_extra(extra_models: str | None) -> list[Mapping[str, Any]]:
    if extra_models is None or not extra_models.strip():
        return []
    try:
        entries = json.loads(extra_models, parse_float=Decimal)
    except ValueError as error:
        raise CatalogueError(f"EXTRA_MODELS is no JSON: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CatalogueError("EXTRA_MODELS must be a JSON array of objects")
    return cast("list[Mapping[str, Any]]", entries)


def _read_extra(entry: Mapping[str, Any]) -> Model:
    """Return a model of the deployment: its prices stand in the entry, and 0 is allowed (a model on own hardware)."""
    per_mtok = {
        key.removesuffix("_per_mtok"): value for key, value in entry.items() if key.endswith("_per_mtok")
    }
    unknown = set(per_mtok) - {"input", "cached_input", "output"}
    if unknown:
        raise CatalogueError(f"{entry.get('name')}: unknown prices {sorted(unknown)}")
    rest = {key: value for key, value in entry.items() if not key.endswith("_per_mtok")}
    return _read_model({"provider": "compatible"} | rest, [{"per_mtok": per_mtok}], free=True)
