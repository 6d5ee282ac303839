"""Usage as providers report it, with the cost worked out by hand from their published prices.

OpenAI: https://developers.openai.com/api/docs/pricing — cached input at its own rate, reasoning billed as output;
gpt-5.4: a prompt of more than 272,000 tokens doubles input and takes output times 1.5, for the whole request.
Anthropic: https://platform.claude.com/docs/en/about-claude/pricing — cache reads 0.1 x, cache writes 1.25 x input;
Sonnet 4.5, and Sonnet and Opus 4.6 before 13 March 2026, above 200,000 tokens: input x 2, output x 1.5.
xAI: https://docs.x.ai/docs/models — reasoning is left out of completion_tokens and billed as output on top.
DeepSeek: https://api-docs.deepseek.com/quick_start/pricing — cache hits and misses at their own rates.
Mistral: https://mistral.ai/pricing/api.
"""

import json
from datetime import date
from typing import Any, NamedTuple

NOW = date(2026, 11, 22)
WINTER = date(2026, 2, 10)

EXTRA_MODELS = json.dumps(
    [
        {
            "name": name,
            "model_class": "standard",
            "context_tokens": 128000,
            "max_output_tokens": 8192,
            "input_per_mtok": prompt,
            "cached_input_per_mtok": cached,
            "output_per_mtok": output,
        }
        for name, prompt, cached, output in [
            ("grok-4.20", "1.25", "0.20", "2.50"),
            ("grok-3-mini", "0.3", "0.075", "0.5"),
            ("deepseek-v4-flash", "0.14", "0.0028", "0.28"),
            ("deepseek-v4-pro", "0.435", "0.003625", "0.87"),
            ("mistral-large-2512", "0.5", "0.05", "1.5"),
        ]
    ]
)


class Shape(NamedTuple):
    """One reported usage on one day, and its cost."""

    rule: str
    model: str
    payload: dict[str, Any]
    cost_usd: str
    at: date = NOW


def used(
    prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0, write: int = 0
) -> dict[str, Any]:
    """Return a usage object in OpenAI's form."""
    details = {"cached_tokens": cached} | ({"cache_write_tokens": write} if write else {})
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def bare(prompt: int, completion: int) -> dict[str, Any]:
    """Return a usage object whose details are null, as Anthropic's compatible endpoint and Mistral send it."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": None,
        "completion_tokens_details": None,
    }


def grok(prompt: int, completion: int, reasoning: int, *, total: int, cached: int = 0) -> dict[str, Any]:
    """Return a usage object of xAI, whose total shows whether reasoning is part of the completion."""
    return used(prompt, completion, cached=cached, reasoning=reasoning) | {"total_tokens": total}


def deepseek(hit: int, miss: int, completion: int) -> dict[str, Any]:
    """Return a usage object of DeepSeek, which splits the prompt at its top level."""
    split = {"prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": miss}
    return {
        "prompt_tokens": hit + miss,
        "completion_tokens": completion,
        "total_tokens": hit + miss + completion,
    } | split


OPENAI = [
    Shape("2.5 in, 10 out: 2,500 + 5,000", "gpt-4o", used(1000, 500), "0.0075"),
    Shape(
        "200 of 1,000 cached at 1.25: 2,000 + 250 + 5,000", "gpt-4o", used(1000, 500, cached=200), "0.00725"
    ),
    Shape("all cached: 1,024 x 1.25", "gpt-4o", used(1024, 0, cached=1024), "0.00128"),
    Shape("an explicit zero is zero", "gpt-4o", used(0, 0), "0"),
    Shape("one token in", "gpt-4o", used(1, 0), "0.0000025"),
    Shape("one token out", "gpt-4o", used(0, 1), "0.00001"),
    Shape("one cached in, one out", "gpt-4o", used(1, 1, cached=1), "0.00001125"),
    Shape("the fullest call: 320,000 + 163,840", "gpt-4o", used(128000, 16384), "0.48384"),
    Shape("128 x 2.5 + 1,920 x 1.25 + 3,000", "gpt-4o", used(2048, 300, cached=1920), "0.00572"),
    Shape("the caching guide's example: 86 plain", "gpt-4o", used(2006, 300, cached=1920), "0.005615"),
    Shape("only output: 7 x 10", "gpt-4o", used(0, 7), "0.00007"),
    Shape("no details: 25 + 100", "gpt-4o", bare(10, 10), "0.000125"),
    Shape("0.15 in, 0.6 out", "gpt-4o-mini", used(1000, 1000), "0.00075"),
    Shape("all cached at 0.075: 75 + 600", "gpt-4o-mini", used(1000, 1000, cached=1000), "0.000675"),
    Shape("one token in", "gpt-4o-mini", used(1, 0), "0.00000015"),
    Shape("one token cached", "gpt-4o-mini", used(1, 0, cached=1), "0.000000075"),
    Shape("a large image: 7,225.35 + 60", "gpt-4o-mini", used(48169, 100), "0.00728535"),
    Shape("0.45 + 4.2", "gpt-4o-mini", used(3, 7), "0.00000465"),
    Shape("2 in, 8 out", "gpt-4.1", used(1000, 1000), "0.01"),
    Shape("a million in: 2 + 0.262144", "gpt-4.1", used(1000000, 32768), "2.262144"),
    Shape("904 x 2 + 4,096 x 0.5 + 1,600", "gpt-4.1", used(5000, 200, cached=4096), "0.005456"),
    Shape("0.4 in, 1.6 out: 400 + 160", "gpt-4.1-mini", used(1000, 100), "0.00056"),
    Shape("464 x 0.4 + 1,536 x 0.1 + 160", "gpt-4.1-mini", used(2000, 100, cached=1536), "0.0004992"),
    Shape("0.7 + 1.2", "gpt-4.1-nano", used(7, 3), "0.0000019"),
    Shape("12.8 + 28.8 + 4", "gpt-4.1-nano", used(1280, 10, cached=1152), "0.0000456"),
    Shape("0.5 in, 1.5 out", "gpt-3.5-turbo", used(1000, 1000), "0.002"),
    Shape("the fullest call: 8,192.5 + 6,144", "gpt-3.5-turbo", used(16385, 4096), "0.0143365"),
    Shape("no cached rate is published: full price", "gpt-3.5-turbo", used(1000, 0, cached=500), "0.0005"),
    Shape("640 reasoning are inside the 1,000", "gpt-5", used(1000, 1000, reasoning=640), "0.01125"),
    Shape("nothing but reasoning: 1,250 + 640", "gpt-5", used(1000, 64, reasoning=64), "0.00189"),
    Shape("1,300 + 1,120 + 20,000", "gpt-5", used(10000, 2000, cached=8960, reasoning=1024), "0.02242"),
    Shape("one in, one reasoned", "gpt-5", used(1, 1, reasoning=1), "0.00001125"),
    Shape("250 + 1,000", "gpt-5-mini", used(1000, 500, reasoning=448), "0.00125"),
    Shape("all cached: 102.4 + 200", "gpt-5-mini", used(4096, 100, cached=4096), "0.0003024"),
    Shape("one cached token at 0.005", "gpt-5-nano", used(1, 0, cached=1), "0.000000005"),
    Shape("47.6 + 10.24 + 400", "gpt-5-nano", used(3000, 1000, cached=2048, reasoning=512), "0.00045784"),
    Shape("short: 2.5 in, 15 out", "gpt-5.4", used(1000, 1000), "0.0175"),
    Shape("272,000 is not longer than 272,000", "gpt-5.4", used(272000, 1000), "0.695"),
    Shape("one more: 5 in for all, 22.5 out", "gpt-5.4", used(272001, 1000), "1.382505"),
    Shape(
        "long and cached: 100,000 + 140,000 + 22,500", "gpt-5.4", used(300000, 1000, cached=280000), "0.2625"
    ),
    Shape("cached tokens count for the length", "gpt-5.4", used(272001, 0, cached=272001), "0.1360005"),
    Shape("5 + 128,000 x 22.5", "gpt-5.4", used(1000000, 128000, reasoning=100000), "7.88"),
    Shape("no prompt: the first tier", "gpt-5.4", used(0, 1000), "0.015"),
    Shape("750 + 4,500", "gpt-5.4-mini", used(1000, 1000), "0.00525"),
    Shape("no tiers: 300,000 x 0.75", "gpt-5.4-mini", used(300000, 0), "0.225"),
    Shape("732 + 76.8 + 45", "gpt-5.4-mini", used(2000, 10, cached=1024), "0.0008538"),
    Shape("222.2 + 277.5", "gpt-5.4-nano", used(1111, 222), "0.0004997"),
]

ANTHROPIC = [
    Shape("1 in, 5 out, details null", "claude-haiku-4-5", bare(1000, 1000), "0.006"),
    Shape("reads at 0.1: 2,000 + 800 + 2,500", "claude-haiku-4-5", used(10000, 500, cached=8000), "0.0053"),
    Shape(
        "writes at 1.25: 2,000 + 10,000 + 2,500", "claude-haiku-4-5", used(10000, 500, write=8000), "0.0145"
    ),
    Shape(
        "2,000 + 400 + 5,000 + 2,500", "claude-haiku-4-5", used(10000, 500, cached=4000, write=4000), "0.0099"
    ),
    Shape("one token written", "claude-haiku-4-5", used(1, 0, write=1), "0.00000125"),
    Shape("4,500 + 7,500", "claude-sonnet-4-5", bare(1500, 500), "0.012"),
    Shape("200,000 is not above 200,000", "claude-sonnet-4-5", bare(200000, 1000), "0.615"),
    Shape("one more: 6 in, 22.5 out", "claude-sonnet-4-5", bare(200001, 1000), "1.222506"),
    Shape("120,000 + 375,000", "claude-sonnet-4-5", used(250000, 0, cached=200000, write=50000), "0.495"),
    Shape(
        "the last day of long prices", "claude-sonnet-4-6", bare(300000, 1000), "1.8225", date(2026, 3, 12)
    ),
    Shape("the first day of one price", "claude-sonnet-4-6", bare(300000, 1000), "0.915", date(2026, 3, 13)),
    Shape("short on the last day", "claude-sonnet-4-6", bare(200000, 1000), "0.615", date(2026, 3, 12)),
    Shape("5 in, 25 out", "claude-opus-4-6", bare(1000, 1000), "0.03"),
    Shape("long now: 2 + 0.00025", "claude-opus-4-6", bare(400000, 10), "2.00025"),
    Shape("long in winter: 4 + 0.000375", "claude-opus-4-6", bare(400000, 10), "4.000375", WINTER),
    Shape("2 + 0.1 + 1.25", "claude-opus-4-6", used(400000, 0, cached=100000, write=100000), "3.35", WINTER),
]

OTHERS = [
    Shape(
        "as the provider billed it: cost_in_usd_ticks 232856000 of 10^10 a dollar",
        "grok-4.20",
        grok(10120, 1499, 2809, total=14428, cached=128),
        "0.0232856",
    ),
    Shape("12 x 0.3 + (1 + 386) x 0.5", "grok-3-mini", grok(12, 1, 386, total=399), "0.0001971"),
    Shape(
        "a total that holds reasoning inside: 625 + 1,250",
        "grok-4.20",
        grok(500, 500, 200, total=1000),
        "0.001875",
    ),
    Shape("no reasoning: 125 + 25", "grok-4.20", grok(100, 10, 0, total=110), "0.00015"),
    Shape("900 hits: 14 + 2.52 + 56", "deepseek-v4-flash", deepseek(900, 100, 200), "0.00007252"),
    Shape(
        "hits reported twice are counted once",
        "deepseek-v4-flash",
        used(1000, 200, cached=900) | {"prompt_cache_hit_tokens": 900},
        "0.00007252",
    ),
    Shape("no hit", "deepseek-v4-flash", deepseek(0, 1000, 0), "0.00014"),
    Shape("reasoning inside: 14 + 14", "deepseek-v4-flash", used(100, 50, reasoning=30), "0.000028"),
    Shape("one hit at 0.003625: twelve decimals", "deepseek-v4-pro", deepseek(1, 0, 0), "0.000000003625"),
    Shape("0.5 in, 1.5 out, details null", "mistral-large-2512", bare(1000, 1000), "0.002"),
    Shape("400 x 0.5 + 600 x 0.05", "mistral-large-2512", used(1000, 0, cached=600), "0.00023"),
]

SHAPES = [*OPENAI, *ANTHROPIC, *OTHERS]
