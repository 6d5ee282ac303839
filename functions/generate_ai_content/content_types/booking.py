"""`booking`: an invitation to a meeting."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import WithContext
from shared.http.fields import Blank

CallType = Literal["zoom", "phone", "coffee", "office"]
PROMPT = prompt("writer", "facts", "booking")


class BookingRequest(WithContext):
    """The kind of meeting."""

    call_type: Annotated[CallType | None, Blank] = None


class BookingOutput(Output):
    """The invitation, and three proposed times."""

    script: Text
    cta: Text
    time_suggestions: Annotated[list[Text], Field(min_length=3, max_length=3)]
    coaching_tip: Text


class Booking(ContentTask[BookingRequest, BookingOutput]):
    """An invitation to a meeting."""

    name, action = "booking", "ai_message"
    request_model, output_model = BookingRequest, BookingOutput
    prompt = PROMPT
    output_tokens = 1000
    text = "script"

    def variables(self) -> Mapping[str, str]:
        """Return the kind of meeting."""
        return {"call_type": self.request.call_type or "zoom"}
