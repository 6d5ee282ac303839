"""The simulated moderation, under the real SDK."""

import pytest
from openai import BadRequestError

from tests.local.provider.server import ProviderServer


def test_threats_are_flagged_and_the_rest_is_not(simulator: ProviderServer) -> None:
    """Each text has one result, in order; each request is in the journal under its endpoint."""
    reply = simulator.client.moderations.create(input=["Magkano po?", "I will KILL you"])
    assert [result.flagged for result in reply.results] == [False, True]
    assert [row["endpoint"] for row in simulator.requests()] == ["moderations"]


def test_only_a_fault_that_names_it_meets_moderation(simulator: ProviderServer) -> None:
    """A fault for the next chat completion is not used by a moderation."""
    simulator.fail("status", status=400)
    assert not simulator.client.moderations.create(input="Hello").results[0].flagged
    simulator.fail("status", status=400, match="omni-moderation")
    with pytest.raises(BadRequestError):
        simulator.client.moderations.create(input="Hello", model="omni-moderation-latest")


@pytest.mark.parametrize("wrong", [[], 5, [5], None])
def test_an_input_that_is_no_text_is_refused(simulator: ProviderServer, wrong: object) -> None:
    """The status is 400, as from the real endpoint."""
    with pytest.raises(BadRequestError):
        simulator.client.moderations.create(input=wrong)  # type: ignore[arg-type]


def test_an_unknown_model_is_refused(simulator: ProviderServer) -> None:
    """The status is 400, as from the real endpoint."""
    with pytest.raises(BadRequestError):
        simulator.client.moderations.create(input="Hello", model="gpt-4o")
