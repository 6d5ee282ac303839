"""`message`: one text to a prospect."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from functions.generate_ai_content.content_types.content_type import ContentType, Output, Task, Text, prompt
from functions.generate_ai_content.content_types.request import AboutProspect, WithGoal
from shared.http.fields import Blank

MessageType = Literal[
    "first_outreach", "follow_up", "reconnect", "nurture", "book_call", "objection", "closing", "slow_nurture"
]
MESSAGE_TYPES: tuple[str, ...] = get_args(MessageType)
Goal = Literal["recruit", "sell", "book_call", "introduce", "follow_up", "reconnect", "nurture", "close"]
PROMPT = prompt("writer", "facts", "message")


class MessageRequest(AboutProspect, WithGoal):
    """Its type may also stand in `generationType`."""

    message_type: Annotated[MessageType | None, Blank] = None
    goal: Annotated[Goal | None, Blank] = None


class MessageOutput(Output):
    """The text, two others, and what to do with them."""

    message: Text
    cta: Text
    alternatives: Annotated[list[Text], Field(min_length=2, max_length=2)]
    emotional_tone: Text
    coaching_tip: Text


def _task(request: MessageRequest) -> Task:
    kind = request.message_type
    if kind is None and request.generation_type in MESSAGE_TYPES:
        kind = request.generation_type  # type: ignore[assignment]  # just checked
    return Task(
        action="ai_message",
        prompt=PROMPT,
        output=MessageOutput,
        max_output_tokens=1200,
        variables={
            "message_type": kind or "fitting the prospect's stage",
            "goal": request.goal or "start a conversation",
        },
        text="message",
    )


MESSAGE = ContentType("message", MessageRequest, _task)
