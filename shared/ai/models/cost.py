"""Exact costs in USD: Decimal throughout, no rounding, no float."""

from datetime import date
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation

from shared.ai.models.catalogue import Model
from shared.ai.models.prices import Price, Rates
from shared.ai.models.usage import Usage
from shared.errors import UnknownPrice

# Enough digits for any count of tokens times any price; a result that does not fit raises instead of being rounded.
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, DivisionByZero])


def cost_usd(model: Model, usage: Usage, at: date) -> Decimal:
    """Return the cost of an attempt in USD: each token once, at that day's rate for its kind and the prompt's length.

    Cached and cache-writing tokens are subtracted from the prompt before the rest is priced; reasoning tokens
    are part of the completion and never added again. Raises UnknownPrice if the model has no price on that day.
    """
    rates = _price_on(model, at).rates(usage.prompt_tokens)
    plain_tokens = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens
    return _sum_usd(
        (plain_tokens, rates.input_per_mtok),
        (usage.cached_tokens, rates.cached_input_per_mtok),
        (usage.cache_write_tokens, rates.cache_write_per_mtok),
        (usage.completion_tokens, rates.output_per_mtok),
    )


def upper_bound_usd(
    model: Model, prompt_bytes: int, max_output_tokens: int, *, images: int = 0, at: date | None = None
) -> Decimal:
    """Return the most that an attempt can cost in USD: each byte a token, at the highest rates of the tiers in reach.

    `prompt_bytes` is the length of the serialised request (messages and schema, not the text alone: the
    wire's overhead of a few tokens a message is in the JSON around it); a byte-level tokeniser never makes
    more tokens than bytes. The tokens of an image do not depend on its bytes, so images are counted separately. A
    tier that even this many tokens cannot reach is ignored. Without a day, the highest price of all days counts.
    Raises UnknownPrice; ValueError for a negative count.
    """
    if min(prompt_bytes, max_output_tokens, images) < 0:
        raise ValueError("a count is at least 0")
    prompt_tokens = prompt_bytes + images * model.image_tokens
    tiers = [tier for tier in _tiers(model, at) if tier.above_tokens <= prompt_tokens]
    return _sum_usd(
        (prompt_tokens, max(tier.highest_input_per_mtok for tier in tiers)),
        (max_output_tokens, max(tier.output_per_mtok for tier in tiers)),
    )


def _sum_usd(*parts: tuple[int, Decimal]) -> Decimal:
    total = Decimal(0)
    for count, per_mtok in parts:
        total = _EXACT.fma(Decimal(count), per_mtok, total)
    return _EXACT.scaleb(total, -6)


def _tiers(model: Model, at: date | None) -> list[Rates]:
    prices = model.prices if at is None else (_price_on(model, at),)
    if not prices:
        raise UnknownPrice
    return [tier for price in prices for tier in price.tiers]


def _price_on(model: Model, at: date) -> Price:
    for price in reversed(model.prices):
        if price.start is None or price.start <= at:
            return price
    raise UnknownPrice
