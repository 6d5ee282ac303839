"""Usage as read from a reply: known, explicitly zero, or unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ai.models.usage import Usage, usage_from_openai

TEN: dict[str, object] = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.mark.parametrize("payload", [None, "", [], {}, {"prompt_tokens": 10}, {"completion_tokens": 5}, 7])
def test_missing_usage_is_unknown(payload: object) -> None:
    """Missing or incomplete usage is None and not zero."""
    assert usage_from_openai(payload) is None


def test_fault_4_explicit_zero_is_a_known_value() -> None:
    """A usage of zero is zero, not missing and not estimated (fault 4)."""
    assert usage_from_openai({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}) == Usage(0, 0)


@pytest.mark.parametrize(
    "payload",
    [
        TEN | {"prompt_tokens": -1},
        TEN | {"completion_tokens": -5},
        TEN | {"prompt_tokens": "10"},
        TEN | {"prompt_tokens": 10.0},
        TEN | {"completion_tokens": True},
        TEN | {"completion_tokens": None},
        TEN | {"prompt_tokens_details": {"cached_tokens": 11}},
        TEN | {"prompt_tokens_details": {"cached_tokens": -1}},
        TEN | {"prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 5}},
        TEN | {"completion_tokens_details": {"reasoning_tokens": 6}},
        TEN | {"completion_tokens_details": {"reasoning_tokens": "6"}},
        TEN | {"prompt_cache_hit_tokens": 11},
    ],
)
def test_usage_that_contradicts_itself_is_unknown(payload: dict[str, object]) -> None:
    """A negative count, a part larger than its total, or a non-integer cannot be billed."""
    assert usage_from_openai(payload) is None


def test_details_are_read() -> None:
    """Cached, cache-writing and reasoning tokens come from the two details objects."""
    payload = TEN | {
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    usage = usage_from_openai(payload)
    assert usage == Usage(10, 5, cached_tokens=4, reasoning_tokens=3, cache_write_tokens=2)
    assert usage is not None
    assert usage.total_tokens == 15


def test_null_and_absent_details_are_none_used() -> None:
    """Anthropic's compatible endpoint sends both empty."""
    empty = TEN | {"prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": None}}
    assert usage_from_openai(empty) == usage_from_openai(TEN) == Usage(10, 5)


def test_reasoning_beside_the_completion_is_added_once() -> None:
    """The total of xAI shows that reasoning is not part of the completion: 10 + 5 + 7 = 22."""
    payload = TEN | {"total_tokens": 22, "completion_tokens_details": {"reasoning_tokens": 7}}
    assert usage_from_openai(payload) == Usage(10, 12, reasoning_tokens=7)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from(
                [
                    *TEN,
                    "prompt_tokens_details",
                    "completion_tokens_details",
                    "cached_tokens",
                    "reasoning_tokens",
                ]
            ),
            inner,
        ),
    )
)
def test_reading_usage_never_fails(payload: object) -> None:
    """Any value of a provider becomes a valid usage or unknown, never an exception after a paid call."""
    usage = usage_from_openai(payload)
    assert usage is None or usage.cached_tokens <= usage.prompt_tokens


@pytest.mark.parametrize(
    "counts", [(-1, 0), (0, -1), (1, 0, 2), (0, 1, 0, 2), (1, 0, 1, 0, 1), (True, 0), (1.0, 0)]
)
def test_impossible_usage_cannot_be_made(counts: tuple[int, ...]) -> None:
    """A part larger than its total, a negative count or a non-integer raises at construction."""
    with pytest.raises(ValueError, match=r"must be|are part of"):
        Usage(*counts)
