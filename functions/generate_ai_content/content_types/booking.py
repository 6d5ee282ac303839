"""`booking`: an invitation to a meeting."""

from typing import Annotated, Literal

from pydantic import Field

from functions.generate_ai_content.content_types.content_type import ContentType, Output, Task, Text, prompt
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


def _task(request: BookingRequest) -> Task:
    return Task(
        action="ai_message",
        prompt=PROMPT,
        output=BookingOutput,
        max_output_tokens=1000,
        variables={"call_type": request.call_type or "zoom"},
        text="script",
    )


BOOKING = ContentType("booking", BookingRequest, _task)
