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
    """Where to meet."""

    call_type: Annotated[CallType | None, Blank] = None


class BookingOutput(Output):
    """The words that invite, and three times to offer."""

    script: Text
    cta: Text
    time_suggestions: Annotated[list[Text], Field(min_length=3, max_length=3)]
    coaching_tip: Text


class Booking(ContentTask[BookingRequest, BookingOutput]):
    """An invitation, of which the script is the text."""

    name, action = "booking", "ai_message"
    request_model, output_model = BookingRequest, BookingOutput
    prompt = PROMPT
    output_tokens = 1000
    text = "script"

    def variables(self) -> Mapping[str, str]:
        """Return where to meet."""
        return {"call_type": self.request.call_type or "zoom"}
