"""`make prices`: the shipped price file equals the price library's prices; no price is guessed."""

import json

import pytest

from local.maintenance.prices import FOLDER, MissingPriceError, collect, listed
from tests.shared.ai.models.usage_shapes import NOW


def test_shipped_prices_are_what_make_prices_writes() -> None:
    """The file was not edited by hand, and the pinned library has no newer price."""
    shipped = json.loads((FOLDER / "prices.json").read_text("utf-8"))
    fresh = collect(listed(FOLDER), NOW)
    assert shipped["prices"] == fresh["prices"]
    assert shipped["sources"] == fresh["sources"]


def test_prices_are_strings_with_a_date_and_sources() -> None:
    """gpt-4o costs 2.5, 1.25 cached and 10 per million, as published."""
    document = collect([("openai", "gpt-4o")], NOW)
    assert document["written"] == "2026-11-22"
    assert document["sources"]["openai"]
    assert document["prices"] == [
        {
            "model": "gpt-4o",
            "provider": "openai",
            "per_mtok": {"input": "2.5", "cached_input": "1.25", "output": "10"},
        }
    ]


def test_tiers_and_first_days_are_kept() -> None:
    """gpt-5.4 has a tier above 272,000 tokens; Sonnet 4.6 lost its tier on 13 March 2026."""
    (row,) = collect([("openai", "gpt-5.4")], NOW)["prices"]
    assert row["tiers"] == [
        {"above_tokens": 272000, "per_mtok": {"input": "5", "cached_input": "0.5", "output": "22.5"}}
    ]
    first, second = collect([("anthropic", "claude-sonnet-4-6")], NOW)["prices"]
    assert ("from" in first, second["from"], "tiers" in second) == (False, "2026-03-13", False)


@pytest.mark.parametrize("model", ["gpt-nobody-knows", "whisper-1"])
def test_model_without_a_token_price_is_an_error(model: str) -> None:
    """A model that is unknown, or priced by the hour, is named and not priced 0."""
    with pytest.raises(MissingPriceError, match=model):
        collect([("openai", model)], NOW)


def test_price_by_the_hour_of_the_day_is_an_error() -> None:
    """DeepSeek's night price does not depend on a date alone, so it is refused."""
    with pytest.raises(MissingPriceError, match="time of day"):
        collect([("deepseek", "deepseek-chat")], NOW)


def test_every_model_of_the_catalogue_has_a_row_or_an_override() -> None:
    """Every model has a price in the file, or else in the override file."""
    known = {entry["name"] for entry in json.loads((FOLDER / "models.json").read_text("utf-8"))["models"]}
    rows = [
        json.loads((FOLDER / name).read_text("utf-8"))["prices"]
        for name in ("prices.json", "prices_override.json")
    ]
    assert {row["model"] for row in rows[0] + rows[1]} == known
