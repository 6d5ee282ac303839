"""Exact cost: a table calculated by hand, and properties that hold for every usage."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ai.models.catalogue import Catalogue, Model
from shared.ai.models.cost import cost_usd, upper_bound_usd
from shared.ai.models.prices import read_prices
from shared.ai.models.usage import Usage, usage_from_openai
from shared.errors import UnknownPrice
from tests.shared.ai.models.usage_shapes import EXTRA_MODELS, NOW, SHAPES, Shape

CATALOGUE = Catalogue.load(EXTRA_MODELS)
MILLION = Decimal(1_000_000)


def _model(**prices: object) -> Model:
    """Return a model of ours with the given prices."""
    known = CATALOGUE.get("gpt-4o")
    row = {"per_mtok": {"input": "2", "output": "8"}} | prices
    return Model(**{name: getattr(known, name) for name in known.__slots__} | {"prices": read_prices([row])})


@pytest.mark.parametrize("shape", SHAPES, ids=[f"{shape.model}: {shape.rule}" for shape in SHAPES])
def test_fault_6_cached_and_reasoning_tokens_are_priced_as_the_provider_bills_them(shape: Shape) -> None:
    """Every reported usage costs exactly what the published rule gives (fault 6)."""
    usage = usage_from_openai(shape.payload)
    assert usage is not None
    assert cost_usd(CATALOGUE.get(shape.model), usage, shape.at) == Decimal(shape.cost_usd)


def test_table_covers_four_kinds_of_provider() -> None:
    """There are at least sixty shapes, of OpenAI, Anthropic and two more providers."""
    assert len(SHAPES) >= 60
    assert {shape.model.split("-")[0] for shape in SHAPES} >= {"gpt", "claude", "grok", "deepseek"}


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Return any usage whose parts are not larger than their totals."""
    cached, written, plain = (draw(st.integers(0, 10**9)) for _ in range(3))
    reasoning, said = (draw(st.integers(0, 10**9)) for _ in range(2))
    return Usage(cached + written + plain, reasoning + said, cached, reasoning, written)


MODELS = st.sampled_from(sorted(CATALOGUE, key=lambda model: model.name))


@given(model=MODELS, usage=usages())
def test_cost_is_exact_and_never_negative(model: Model, usage: Usage) -> None:
    """The Decimal equals the sum in fractions, so nothing was rounded."""
    rates = model.prices[-1].rates(usage.prompt_tokens)
    plain = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens
    expected = (
        plain * Fraction(rates.input_per_mtok)
        + usage.cached_tokens * Fraction(rates.cached_input_per_mtok)
        + usage.cache_write_tokens * Fraction(rates.cache_write_per_mtok)
        + usage.completion_tokens * Fraction(rates.output_per_mtok)
    ) / 1_000_000
    cost = cost_usd(model, usage, NOW)
    assert Fraction(cost) == expected
    assert cost >= 0


@given(model=MODELS, usage=usages(), more=st.integers(0, 10**6))
def test_more_tokens_never_cost_less(model: Model, usage: Usage, more: int) -> None:
    """A longer prompt or a longer answer never costs less, across all tiers."""
    cost = cost_usd(model, usage, NOW)
    longer = Usage(
        usage.prompt_tokens + more,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        usage.cache_write_tokens,
    )
    wordier = Usage(
        usage.prompt_tokens,
        usage.completion_tokens + more,
        usage.cached_tokens,
        usage.reasoning_tokens,
        usage.cache_write_tokens,
    )
    assert cost_usd(model, longer, NOW) >= cost
    assert cost_usd(model, wordier, NOW) >= cost


@given(
    model=MODELS, prompt=st.integers(0, 200_000), cached=st.integers(0, 200_000), said=st.integers(0, 10**6)
)
def test_cost_is_the_sum_of_its_parts(model: Model, prompt: int, cached: int, said: int) -> None:
    """Within one tier, plain, cached and completion tokens cost the same together as separately."""
    cached = min(cached, prompt)
    whole = cost_usd(model, Usage(prompt, said, cached), NOW)
    parts = [Usage(prompt - cached, 0), Usage(cached, 0, cached), Usage(0, said)]
    assert whole == sum(cost_usd(model, part, NOW) for part in parts)


@given(model=MODELS, usage=usages())
def test_reasoning_is_never_charged_on_top(model: Model, usage: Usage) -> None:
    """A completion costs the same with any share of reasoning."""
    silent = Usage(
        usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, 0, usage.cache_write_tokens
    )
    assert cost_usd(model, usage, NOW) == cost_usd(model, silent, NOW)


@given(model=MODELS, usage=usages(), spare=st.integers(0, 10**6))
def test_upper_bound_is_never_below_the_cost(model: Model, usage: Usage, spare: int) -> None:
    """A call with no more tokens than bytes, within its output limit, costs no more than its hold."""
    bound = upper_bound_usd(model, usage.prompt_tokens + spare, usage.completion_tokens + spare, at=NOW)
    assert bound >= cost_usd(model, usage, NOW)
    assert upper_bound_usd(model, usage.prompt_tokens + spare, usage.completion_tokens + spare) >= bound


def test_upper_bound_takes_every_byte_and_the_output_limit() -> None:
    """1,000 bytes at 2.5 and 500 tokens at 10 on gpt-4o: 2,500 + 5,000."""
    assert upper_bound_usd(CATALOGUE.get("gpt-4o"), 1000, 500) == Decimal("0.0075")


def test_upper_bound_uses_the_highest_input_rate() -> None:
    """Cache writes of Haiku cost 1.25, more than plain input: 1,000 x 1.25 + 100 x 5."""
    assert upper_bound_usd(CATALOGUE.get("claude-haiku-4-5"), 1000, 100) == Decimal("0.00175")


def test_upper_bound_uses_the_higher_tier_once_it_can_be_reached() -> None:
    """300,000 bytes could be 272,001 tokens: 300,000 x 5 + 1,000 x 22.5; 1,000 bytes could not."""
    model = CATALOGUE.get("gpt-5.4")
    assert upper_bound_usd(model, 300_000, 1000) == Decimal("1.5225")
    assert upper_bound_usd(model, 1000, 1000) == Decimal("0.0175")


def test_upper_bound_counts_an_image_by_its_largest_size() -> None:
    """An image of few bytes can be 48,169 tokens on gpt-4o-mini: 49,169 x 0.15."""
    assert upper_bound_usd(CATALOGUE.get("gpt-4o-mini"), 1000, 0, images=1) == Decimal("0.00737535")


@pytest.mark.parametrize("counts", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_upper_bound_refuses_negative_counts(counts: tuple[int, int, int]) -> None:
    """A negative count, which could make a hold too small, is refused."""
    with pytest.raises(ValueError, match=r"^a count is at least 0$"):
        upper_bound_usd(CATALOGUE.get("gpt-4o"), counts[0], counts[1], images=counts[2])


def test_fault_7_unknown_price_is_refused_and_never_zero() -> None:
    """A model without a price on that day has neither a cost nor an upper bound (fault 7)."""
    future = _model(**{"from": "2027-01-01"})
    with pytest.raises(UnknownPrice):
        cost_usd(future, Usage(1, 1), NOW)
    with pytest.raises(UnknownPrice):
        upper_bound_usd(future, 1, 1, at=NOW)
    assert cost_usd(future, Usage(1, 1), date(2027, 1, 1)) == Decimal("0.00001")


def test_model_without_any_price_has_no_upper_bound() -> None:
    """A model without any price has no most expensive rate to use (fault 7)."""
    known = CATALOGUE.get("gpt-4o")
    free = Model(**{name: getattr(known, name) for name in known.__slots__} | {"prices": ()})
    with pytest.raises(UnknownPrice):
        upper_bound_usd(free, 1, 1)


def test_cost_is_a_decimal_in_dollars() -> None:
    """Two dollars per million tokens is exactly two millionths per token."""
    assert cost_usd(_model(), Usage(1, 0), NOW) * MILLION == Decimal(2)
