"""`make prices`: writes prices.json beside models.json in shared/ai/models/, from genai-prices."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import data
from genai_prices.types import ModelPrice, StartDateConstraint, TieredPrices
from genai_prices.types import Provider as PricedProvider

from local.project import PROJECT

FOLDER = PROJECT / "shared" / "ai" / "models"

_KEYS = {
    "input": "input_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "output": "output_mtok",
}


class MissingPriceError(LookupError):
    """genai-prices has no usable price for a model; add it to prices_override.json."""


def main(today: date | None = None) -> None:
    """Write the file; keep its date if no price has changed."""
    path = FOLDER / "prices.json"
    document = collect(listed(FOLDER), datetime.now(UTC).date() if today is None else today)
    if path.exists() and _undated(json.loads(path.read_text("utf-8"))) == _undated(document):
        print(f"{path}: no price has changed")
        return
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(f"{path}: {len(document['prices'])} prices written")


def collect(models: list[tuple[str, str]], today: date) -> dict[str, Any]:
    """Return the whole document for pairs of provider and model; raises MissingPriceError."""
    providers = {provider.id: provider for provider in data.providers}
    used = sorted({provider for provider, _ in models})
    return {
        "written": today.isoformat(),
        "written_by": f"make prices, with genai-prices {version('genai-prices')}",
        "unit": "USD per million tokens; a tier holds for all tokens of a request whose prompt is longer",
        "sources": {name: providers[name].pricing_urls or [] for name in used},
        "prices": [row for provider, model in models for row in _rows(providers[provider], model)],
    }


def listed(folder: Path) -> list[tuple[str, str]]:
    """Return the provider and the name of each model of the catalogue that has no override."""
    entries = json.loads((folder / "models.json").read_text("utf-8"))["models"]
    own = {row["model"] for row in json.loads((folder / "prices_override.json").read_text("utf-8"))["prices"]}
    return [(entry["provider"], entry["name"]) for entry in entries if entry["name"] not in own]


def _undated(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in {"written", "written_by"}}


def _rows(provider: PricedProvider, model: str) -> list[dict[str, Any]]:
    found = provider.find_model(model)
    if found is None:
        raise MissingPriceError(f"{model}: not in genai-prices; write it into prices_override.json")
    if isinstance(found.prices, ModelPrice):
        return [_row(provider.id, model, None, found.prices)]
    rows = []
    for price in found.prices:
        if price.constraint is not None and not isinstance(price.constraint, StartDateConstraint):
            raise MissingPriceError(f"{model}: its price changes with the time of day")
        start = None if price.constraint is None else price.constraint.start_date
        rows.append(_row(provider.id, model, start, price.prices))
    return rows


def _row(provider: str, model: str, start: date | None, price: ModelPrice) -> dict[str, Any]:
    values = {name: getattr(price, key, None) for name, key in _KEYS.items()}
    if values["input"] is None or values["output"] is None:
        raise MissingPriceError(f"{model}: no price for tokens in or out")
    starts = sorted(
        {tier.start for value in values.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    )
    tiers = [{"above_tokens": above, "per_mtok": _rates(values, above)} for above in starts]
    row: dict[str, Any] = {"model": model, "provider": provider, "per_mtok": _rates(values, 0)}
    return row | ({"from": start.isoformat()} if start else {}) | ({"tiers": tiers} if tiers else {})


def _rates(values: dict[str, Any], above: int) -> dict[str, str]:
    return {name: str(_rate(value, above)) for name, value in values.items() if value is not None}


def _rate(value: Decimal | TieredPrices, above: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= above and above > 0]
    return reached[-1] if reached else value.base


if __name__ == "__main__":
    main()
