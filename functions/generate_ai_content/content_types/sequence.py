"""`sequence`: several messages to a prospect over some days, for paid tiers."""

from collections.abc import Mapping
from itertools import pairwise
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import AboutProspect
from functions.generate_ai_content.content_types.share import Share
from shared.http.fields import Blank

SequenceType = Literal[
    "cold_outreach", "follow_up", "nurture", "reconnect", "close", "recruit", "sell", "book_call"
]
DEFAULT_STEPS = 5
UPGRADE = "Sequences are only available for Pro and Elite subscribers"
PROMPT = prompt("writer", "facts", "sequence")

STEPS_AT_ONCE = 5
"""As many as one request writes in time: about 250 tokens per step, at 60 to 100 tokens per second."""

DAYS = (0, 2, 5, 9, 14, 20, 27, 35, 44, 54)
"""The days of a sequence in shares, because a share does not know the days that the model chooses in another."""

# An e-mail of 150 words of Taglish, its subject and the JSON around them.
TOKENS_OF_A_STEP = 450


def _default_steps(value: object) -> object:
    return DEFAULT_STEPS if value is None or value == "" else value


class SequenceRequest(AboutProspect):
    """The kind and length of the sequence."""

    sequence_type: Annotated[SequenceType | None, Blank] = None
    total_steps: Annotated[int, Field(ge=3, le=10), BeforeValidator(_default_steps)] = DEFAULT_STEPS


class Step(Output):
    """One message of the sequence; `day` counts from the first message."""

    step: Annotated[int, Field(ge=1)]
    day: Annotated[int, Field(ge=0)]
    subject: Text
    message: Text
    cta: Text | None


class SequenceOutput(Output):
    """The steps in order."""

    steps: list[Step]


def _shares(steps: int) -> list[Share]:
    """Return the two halves of a sequence that is too long for one request, each with its own days and arguments."""
    if steps <= STEPS_AT_ONCE:
        return []
    half = ceil(steps / 2)
    return [_share(range(1, half + 1), "first"), _share(range(half + 1, steps + 1), "second")]


def _share(numbers: range, half: str) -> Share:
    days = DAYS[numbers[0] - 1 : numbers[-1]]
    return Share(
        f"Write the steps {numbers[0]} to {numbers[-1]} only, with these numbers, on the days "
        f"{', '.join(map(str, days))}. The others are written elsewhere, at the same time: so that nothing "
        f"is said twice, build yours on the {half} half of the products' benefits and of the seller's reasons, "
        "in the data's order.",
        "steps",
        {"step": numbers, "day": days},
    )


def check_order(steps: list[Step]) -> None:
    """Raise ValueError unless the steps are numbered from 1 and their days rise from 0."""
    if [step.step for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError("steps must be numbered from 1 without a gap")
    days = [step.day for step in steps]
    if days[0] != 0 or any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError("days must begin at 0 and rise from step to step")


class Sequence(ContentTask[SequenceRequest, SequenceOutput]):
    """A sequence; a long one is written in two shares."""

    name, action = "sequence", "ai_follow_up_sequence"
    request_model, output_model = SequenceRequest, SequenceOutput
    prompt = PROMPT
    upgrade_message = UPGRADE

    def __init__(self, request: SequenceRequest) -> None:
        self._kind: SequenceType = request.sequence_type or "follow_up"
        self._shares = _shares(request.total_steps)
        self.output_tokens = 200 + TOKENS_OF_A_STEP * (
            self._shares[0].count() if self._shares else request.total_steps
        )
        super().__init__(request)

    def variables(self) -> Mapping[str, str]:
        """Return the kind and the length."""
        return {"sequence_type": self._kind, "total_steps": str(self.request.total_steps)}

    def counts(self) -> Mapping[str, int]:
        """Return the number of steps."""
        return {"steps": self.request.total_steps}

    def shares(self) -> list[Share]:
        """Return the shares of a long sequence."""
        return self._shares

    def finish(self, output: SequenceOutput, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return the steps in order; raise as `check_order` does."""
        del shown
        check_order(output.steps)
        steps = [step.model_dump(by_alias=True, exclude_none=True) for step in output.steps]
        return {"sequence": {"steps": steps, "totalSteps": len(steps), "sequenceType": self._kind}}
