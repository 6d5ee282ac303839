"""Prices of tokens: dated, per model, in tiers by the length of the prompt."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

# The ledger keeps 12 decimals of a dollar: 6 of a price and 6 of a token's millionth.
_SMALLEST = Decimal("0.000001")
# A dollar a token is no price but a wrong unit.
_MAX_RATE = 1_000_000


class PriceError(ValueError):
    """A price that cannot be used: missing, negative, not a number, or out of order."""


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens, for prompts of more than `above_tokens` tokens."""

    above_tokens: int
    input_per_mtok: Decimal
    cached_input_per_mtok: Decimal
    cache_write_per_mtok: Decimal
    output_per_mtok: Decimal

    @property
    def highest_input_per_mtok(self) -> Decimal:
        """Return the highest rate that a token of the prompt can have."""
        return max(self.input_per_mtok, self.cached_input_per_mtok, self.cache_write_per_mtok)


@dataclass(frozen=True, slots=True)
class Price:
    """The rates of one model from a day on (None: since ever), in tiers of rising prompt length."""

    start: date | None
    tiers: tuple[Rates, ...]

    def rates(self, prompt_tokens: int) -> Rates:
        """Return the rates of the highest tier that the prompt exceeds; they apply to all its tokens."""
        return next(
            (tier for tier in reversed(self.tiers) if prompt_tokens > tier.above_tokens), self.tiers[0]
        )


def read_prices(rows: Iterable[Mapping[str, Any]], *, free: bool = False) -> tuple[Price, ...]:
    """Return the prices of one model's rows, oldest first; 0 is allowed only if `free`. Raises PriceError."""
    prices = tuple(_read_price(row, free=free) for row in rows)
    starts = [date.min if price.start is None else price.start for price in prices]
    if not prices or any(later <= earlier for earlier, later in pairwise(starts)):
        raise PriceError("a model needs at least one price, in order of their first days, no day twice")
    return prices


def _read_price(row: Mapping[str, Any], *, free: bool) -> Price:
    first = _read_rates(0, row.get("per_mtok"), free=free)
    longer = [
        _read_rates(tier.get("above_tokens"), tier.get("per_mtok"), free=free)
        for tier in row.get("tiers", [])
    ]
    tiers = (first, *longer)
    if any(later.above_tokens <= earlier.above_tokens for earlier, later in pairwise(tiers)):
        raise PriceError("tiers go by rising length")
    return Price(_read_day(row.get("from")), tiers)


def _read_day(text: object) -> date | None:
    try:
        return None if text is None else date.fromisoformat(str(text))
    except ValueError as error:
        raise PriceError(f"from must be a day like 2026-11-22, not {text!r}") from error


def _read_rates(above_tokens: object, per_mtok: object, *, free: bool) -> Rates:
    if type(above_tokens) is not int or not isinstance(per_mtok, Mapping):
        raise PriceError("a tier needs above_tokens and per_mtok")
    prompt = _read_rate("input", per_mtok.get("input"), free=free)
    return Rates(
        above_tokens=above_tokens,
        input_per_mtok=prompt,
        # A provider without rates of its own for these bills them as ordinary input.
        cached_input_per_mtok=_optional("cached_input", per_mtok, prompt, free=free),
        cache_write_per_mtok=_optional("cache_write", per_mtok, prompt, free=free),
        output_per_mtok=_read_rate("output", per_mtok.get("output"), free=free),
    )


def _optional(name: str, per_mtok: Mapping[str, Any], default: Decimal, *, free: bool) -> Decimal:
    value = per_mtok.get(name)
    return default if value is None else _read_rate(name, value, free=free)


def _read_rate(name: str, value: object, *, free: bool) -> Decimal:
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise PriceError(f"{name} must be a decimal in a string, not {value!r}")
    try:
        rate = Decimal(value)
    except InvalidOperation as error:
        raise PriceError(f"{name} must be a decimal, not {value!r}") from error
    if not rate.is_finite() or not 0 <= rate < _MAX_RATE or (rate == 0 and not free):
        raise PriceError(f"{name} must be more than 0 and below {_MAX_RATE}, not {value!r}")
    if rate.quantize(_SMALLEST) != rate:
        raise PriceError(f"{name} may have at most 6 decimals, not {value!r}")
    return rate
