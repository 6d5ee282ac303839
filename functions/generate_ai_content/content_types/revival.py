"""`revival`: a message that continues a silent conversation."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import AboutProspect
from shared.http.fields import Blank

Interaction = Literal["message", "call", "meeting"]
PROMPT = prompt("writer", "facts", "revival")


class RevivalRequest(AboutProspect):
    """The length of the silence, and the last interaction before it."""

    days_since_last_contact: Annotated[Annotated[int, Field(ge=0, le=36_500)] | None, Blank] = None
    last_interaction_type: Annotated[Interaction | None, Blank] = None


class RevivalOutput(Output):
    """The message, alternative beginnings, and the reason to write now."""

    message: Text
    subject: Text
    hooks: Annotated[list[Text], Field(min_length=3, max_length=3)]
    reconnection_angle: Text


class Revival(ContentTask[RevivalRequest, RevivalOutput]):
    """A message after a silence."""

    name, action = "revival", "ai_message"
    request_model, output_model = RevivalRequest, RevivalOutput
    prompt = PROMPT
    output_tokens = 1000
    text = "message"

    def variables(self) -> Mapping[str, str]:
        """Return the length of the silence, and the last interaction."""
        days = self.request.days_since_last_contact
        return {
            "days_since_last_contact": "not known" if days is None else str(days),
            "last_interaction_type": self.request.last_interaction_type or "not known",
        }
