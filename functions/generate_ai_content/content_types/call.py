"""`call`: a script for a phone or video call."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import AboutProspect
from shared.http.fields import Blank

CallPurpose = Literal["discovery", "presentation", "closing", "follow_up"]
PROMPT = prompt("writer", "facts", "call")


class CallRequest(AboutProspect):
    """The purpose of the call."""

    call_purpose: Annotated[CallPurpose | None, Blank] = None


class CallOutput(Output):
    """The script from the opening to the closing, and five tips."""

    opening: Text
    discovery_questions: Annotated[list[Text], Field(min_length=4, max_length=4)]
    handle_objections: Annotated[list[Text], Field(min_length=3, max_length=3)]
    closing: Text
    coaching_tips: Annotated[list[Text], Field(min_length=5, max_length=5)]


class Call(ContentTask[CallRequest, CallOutput]):
    """A script for a call."""

    name, action = "call", "ai_message"
    request_model, output_model = CallRequest, CallOutput
    prompt = PROMPT
    output_tokens = 2000

    def variables(self) -> Mapping[str, str]:
        """Return the purpose of the call."""
        return {"call_purpose": self.request.call_purpose or "discovery"}
