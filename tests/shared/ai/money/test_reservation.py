"""The request for a hold, worked out by hand: candidates, the dearest attempt, and how many attempts there may be."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.ai import Call, Limits, ModelPreference, Part, Reading, Structure, Visitor
from shared.ai.models.catalogue import Catalogue
from shared.ai.models.selection import Needs
from shared.ai.money.reservation import (
    cost_bound_usd,
    max_attempts,
    needs,
    output_limit,
    requested_model,
    reservation,
)
from shared.supabase.auth import Caller
from tests.plain_task import PlainTask

ID = UUID("d0000000-0000-4000-8000-000000000001")
USER = Caller("user", "d0000000-0000-4000-8000-0000000000aa", "a token")
CATALOGUE = Catalogue.load()
BIG, SMALL = CATALOGUE.get("gpt-4o"), CATALOGUE.get("gpt-4o-mini")
# 16 bytes as JSON.
SCHEMA = Structure("answer", {"type": "enum"}, lambda text: {"text": text})
PART = Part("The first half.", SCHEMA)

# Per token in USD, from the shipped prices: input, output.
BIG_INPUT, BIG_OUTPUT = Decimal("2.5e-6"), Decimal("10e-6")
SMALL_INPUT, SMALL_OUTPUT = Decimal("0.15e-6"), Decimal("0.6e-6")


def asked(task: PlainTask, **names: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the argument of ai_reserve for a task of the user, who may be served by both models."""
    return dict(reservation(Call("try-out", USER, task, **names), ID, [BIG, SMALL], CATALOGUE))


def test_a_plain_task_asks_for_what_it_may_cost() -> None:
    """500 bytes and 512 around them are 1,012 tokens at most; with two retries and two fallbacks five attempts."""
    big = 1_012 * BIG_INPUT + 300 * BIG_OUTPUT
    small = 1_012 * SMALL_INPUT + 300 * SMALL_OUTPUT
    request = asked(PlainTask())
    bounds = [Decimal(candidate.pop("cost_bound_usd")) for candidate in request["candidates"]]
    assert (bounds, Decimal(request.pop("cost_bound_usd"))) == ([big, small], 5 * big)
    assert request == {
        "request_id": str(ID),
        "user_id": USER.user_id,
        "function_name": "try-out",
        "action": "ai_message",
        "units": 1,
        "candidates": [
            {"model": "gpt-4o", "provider": "openai", "model_class": "premium"},
            {"model": "gpt-4o-mini", "provider": "openai", "model_class": "standard"},
        ],
        "requested_model": "gpt-4o",
        "paid_tiers_only": False,
        "idempotency_key": None,
        "body_hash": None,
        "group_key": None,
        "prospect_id": None,
        "prompt_version": None,
    }


def test_everything_that_a_call_names_is_in_the_request() -> None:
    """Keys, group, prospect and version under the names that the database reads."""
    task = PlainTask(
        units=3,
        group_key="five",
        upgrade_message="Paid only",
        prompt_version="v",
        reading=Reading(prospect_id="p"),
    )
    request = asked(task, idempotency_key="k", body_hash="h", visitor=Visitor("session", "address"))
    wanted = {
        "units": 3, "group_key": "five", "paid_tiers_only": True, "prompt_version": "v", "prospect_id": "p",
        "idempotency_key": "k", "body_hash": "h", "idempotency_scope": "session",
        "visitor_session_id": "session", "visitor_address_hash": "address",
    }  # fmt: skip
    assert {name: request[name] for name in wanted} == wanted


def test_a_dearer_fallback_raises_the_bound_and_is_no_candidate() -> None:
    """What may serve at last is held for, although the reservation does not choose it."""
    task = PlainTask(preference=ModelPreference("gpt-4o-mini", fallback_model="gpt-4o"))
    request = reservation(Call("try-out", USER, task), ID, [SMALL], CATALOGUE)
    assert [candidate["model"] for candidate in request["candidates"]] == ["gpt-4o-mini"]
    assert Decimal(request["cost_bound_usd"]) == 5 * (1_012 * BIG_INPUT + 300 * BIG_OUTPUT)


def test_a_schema_and_a_part_are_bytes_of_the_prompt() -> None:
    """16 bytes of schema; with parts, each has its instruction of at most 512 bytes."""
    whole = asked(PlainTask(structure=SCHEMA))
    parted = asked(PlainTask(structure=SCHEMA, parts=[PART, PART]))
    bounds = [Decimal(request["candidates"][0]["cost_bound_usd"]) for request in (whole, parted)]
    assert bounds[0] == (1_012 + 16) * BIG_INPUT + 300 * BIG_OUTPUT
    assert bounds[1] - bounds[0] == 512 * BIG_INPUT
    assert Decimal(whole["cost_bound_usd"]) == 6 * bounds[0]
    assert Decimal(parted["cost_bound_usd"]) == 12 * bounds[1]


def test_letters_of_a_schema_count_as_they_are_sent() -> None:
    """JSON writes a letter outside ASCII as six bytes."""
    accented = Structure("answer", {"type": "é"}, SCHEMA.parse)
    size = len('{"type": "\\u00e9"}')
    bound = cost_bound_usd(Limits(0, 0), accented, BIG, 0)
    assert bound == (size + 512) * BIG_INPUT


def test_an_image_is_bound_at_what_the_catalogue_says() -> None:
    """1,445 tokens on gpt-4o, whatever its bytes."""
    plain, pictured = (cost_bound_usd(Limits(0, 0, images=images), None, BIG, 0) for images in (0, 2))
    assert pictured - plain == 2 * 1_445 * BIG_INPUT


@pytest.mark.parametrize(
    ("task", "attempts"),
    [
        (PlainTask(limits=Limits(1, 1, retries=0)), 3),
        (PlainTask(limits=Limits(1, 1, retries=4)), 7),
        (PlainTask(limits=Limits(1, 1, retries=0), structure=SCHEMA), 4),
        (PlainTask(limits=Limits(1, 1, retries=0), structure=SCHEMA, parts=[PART]), 4),
        (PlainTask(limits=Limits(1, 1, retries=1), structure=SCHEMA, parts=[PART] * 3), 15),
    ],
)
def test_attempts_are_tries_fallbacks_and_a_repair_for_each_part(task: PlainTask, attempts: int) -> None:
    """One try, its retries, two other models, and a repair where there is a structure."""
    assert max_attempts(task) == attempts


def test_the_needs_are_the_limits() -> None:
    """A byte of the prompt counts as a token; a schema is needed where there is a structure."""
    assert needs(PlainTask(limits=Limits(7, 5, images=2))) == Needs(7, 5, json_schema=False, images=2)
    assert needs(PlainTask(limits=Limits(7, 5), structure=SCHEMA)) == Needs(7, 5, json_schema=True)


def test_the_output_limit_is_the_lesser() -> None:
    """The task's, or the model's 16,384."""
    assert [output_limit(Limits(1, tokens), BIG) for tokens in (100, 16_384, 20_000)] == [100, 16_384, 16_384]


def test_the_requested_model_is_the_preferred_one_else_the_first() -> None:
    """Also where another one comes first."""
    assert requested_model(PlainTask(), [SMALL, BIG]) == "gpt-4o-mini"
    assert requested_model(PlainTask(preference=ModelPreference("gpt-4o")), [SMALL, BIG]) == "gpt-4o"
