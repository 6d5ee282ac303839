"""The three shapes of request at the URL: a visitor's message, the internal assistant, transform."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints
from pydantic.alias_generators import to_camel

from shared.http.fields import Blank, Shape, ShortText, Temperature

FUNCTION = "public-chatbot-chat"
MAX_MESSAGE_CHARS = 4_000

MISSING = "Missing required fields: sessionId, message, userId"

MessageText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_MESSAGE_CHARS)
]


class VisitorRequest(BaseModel):
    """A visitor's message; `userId` is the workspace's owner as the page knows it, which is compared, not trusted."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    session_id: UUID
    message: MessageText
    user_id: UUID
    stream: bool = False


MAX_QUESTION_CHARS = 8_000
MAX_OWN_INSTRUCTION_CHARS = 4_000
MAX_TRANSFORMED_TOKENS = 20_000


class AssistantRequest(Shape):
    """A signed-in user's message to the assistant; without `conversationId` it starts a new conversation."""

    message: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARS)
    ]
    conversation_id: Annotated[UUID | None, Blank] = None
    prospect_id: Annotated[UUID | None, Blank] = None
    system_instruction: Annotated[str | None, Field(max_length=MAX_OWN_INSTRUCTION_CHARS), Blank] = None
    user_id: Annotated[UUID | None, Blank] = None
    session_id: ShortText = None
    transform_mode: StrictBool | None = None
    stream: bool = False


class TransformRequest(Shape):
    """A signed-in user's text to be rewritten by an instruction; `sessionId` is ignored and may be any string."""

    transform_mode: StrictBool
    message: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    system_instruction: Annotated[str | None, Blank] = None
    max_tokens: Annotated[int, Field(ge=1, le=MAX_TRANSFORMED_TOKENS)] | None = None
    temperature: Temperature | None = None
    user_id: Annotated[UUID | None, Blank] = None
    session_id: ShortText = None
    stream: bool = False
