"""`objection`: the answer to what somebody has against it."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, StringConstraints

from functions.generate_ai_content.content_types.content_type import ContentType, Output, Task, Text, prompt
from functions.generate_ai_content.content_types.request import WithContext
from shared.errors import InvalidRequest
from shared.http.fields import Blank

ObjectionType = Literal[
    "no_time", "no_money", "not_now", "too_expensive", "skeptic", "already_tried", "thinking_about_it", "busy",
    "needs_approval", "not_interested",
]  # fmt: skip
PROMPT = prompt("writer", "facts", "objection")


class ObjectionRequest(WithContext):
    """The objection's words, its kind, or both."""

    WORDS: ClassVar[frozenset[str]] = frozenset({"context", "objection"})

    objection: Annotated[Annotated[str, StringConstraints(max_length=4_000)] | None, Blank] = None
    objection_type: Annotated[ObjectionType | None, Blank] = None


class ObjectionOutput(Output):
    """The answer, and what helps to give it."""

    message: Text
    objection_type: ObjectionType
    reinforcement_points: Annotated[list[Text], Field(min_length=4, max_length=4)]
    cta: Text
    coaching_tip: Text


def _task(request: ObjectionRequest) -> Task:
    if request.objection is None and request.objection_type is None:
        raise InvalidRequest(
            "Missing field 'objection' or 'objectionType'.",
            details=[
                {"field": "objection", "message": "missing"},
                {"field": "objectionType", "message": "missing", "allowed": get_args(ObjectionType)},
            ],
        )

    def finish(output: ObjectionOutput, _shown: Mapping[str, Any]) -> dict[str, Any]:
        kind = request.objection_type or output.objection_type
        # Older callers read the answer as `response`.
        return output.model_dump(by_alias=True) | {"objectionType": kind, "response": output.message}

    return Task(
        action="ai_objection_handler",
        prompt=PROMPT,
        output=ObjectionOutput,
        max_output_tokens=1200,
        variables={"objection_type": request.objection_type or "not told: find out which it is"},
        finish=finish,
        text="message",
    )


OBJECTION = ContentType("objection", ObjectionRequest, _task)
