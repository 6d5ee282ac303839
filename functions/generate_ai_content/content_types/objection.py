"""`objection`: an answer to an objection."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, StringConstraints

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
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
    """The answer, and advice."""

    message: Text
    objection_type: ObjectionType
    reinforcement_points: Annotated[list[Text], Field(min_length=4, max_length=4)]
    cta: Text
    coaching_tip: Text


class Objection(ContentTask[ObjectionRequest, ObjectionOutput]):
    """An answer to an objection; its kind is in the request, else the model decides it."""

    name, action = "objection", "ai_objection_handler"
    request_model, output_model = ObjectionRequest, ObjectionOutput
    prompt = PROMPT
    output_tokens = 1200
    text = "message"

    def __init__(self, request: ObjectionRequest) -> None:
        """Raise InvalidRequest if the request has neither the objection nor its kind."""
        if request.objection is None and request.objection_type is None:
            raise InvalidRequest(
                "Missing field 'objection' or 'objectionType'.",
                details=[
                    {"field": "objection", "message": "missing"},
                    {"field": "objectionType", "message": "missing", "allowed": get_args(ObjectionType)},
                ],
            )
        super().__init__(request)

    def variables(self) -> Mapping[str, str]:
        """Return the kind of objection."""
        return {"objection_type": self.request.objection_type or "not told: find out which it is"}

    def finish(self, output: ObjectionOutput, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, also as `response`, which older clients read."""
        kind = self.request.objection_type or output.objection_type
        return super().finish(output, shown) | {"objectionType": kind, "response": output.message}
