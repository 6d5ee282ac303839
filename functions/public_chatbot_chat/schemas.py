"""The request of a visitor's page."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

FUNCTION = "public-chatbot-chat"
MAX_MESSAGE_CHARS = 4_000

MISSING = "Missing required fields: sessionId, message, userId"

MessageText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_MESSAGE_CHARS)
]


class VisitorRequest(BaseModel):
    """A visitor's message; `userId` is the workspace's owner as the page knows it, and only compared."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    session_id: UUID
    message: MessageText
    user_id: UUID
    stream: bool = False
