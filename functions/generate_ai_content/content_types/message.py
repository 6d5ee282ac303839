"""`message`: one text to a prospect."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import AboutProspect, WithGoal
from shared.http.fields import Blank

MessageType = Literal[
    "first_outreach", "follow_up", "reconnect", "nurture", "book_call", "objection", "closing", "slow_nurture"
]
MESSAGE_TYPES: tuple[str, ...] = get_args(MessageType)
Goal = Literal["recruit", "sell", "book_call", "introduce", "follow_up", "reconnect", "nurture", "close"]
PROMPT = prompt("writer", "facts", "message")


class MessageRequest(AboutProspect, WithGoal):
    """The type and goal of a message; the type may also be in `generationType`."""

    message_type: Annotated[MessageType | None, Blank] = None
    goal: Annotated[Goal | None, Blank] = None


class MessageOutput(Output):
    """The message, two alternatives, and advice."""

    message: Text
    cta: Text
    alternatives: Annotated[list[Text], Field(min_length=2, max_length=2)]
    emotional_tone: Text
    coaching_tip: Text


class Message(ContentTask[MessageRequest, MessageOutput]):
    """A message to a prospect."""

    name, action = "message", "ai_message"
    request_model, output_model = MessageRequest, MessageOutput
    prompt = PROMPT
    output_tokens = 1200
    text = "message"

    def variables(self) -> Mapping[str, str]:
        """Return the type and the goal."""
        kind: str | None = self.request.message_type
        if kind is None and self.request.generation_type in MESSAGE_TYPES:
            kind = self.request.generation_type
        return {
            "message_type": kind or "fitting the prospect's stage",
            "goal": self.request.goal or "start a conversation",
        }
