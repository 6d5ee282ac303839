"""The OpenAPI document of the function."""

from datetime import datetime
from functools import cache
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from functions.public_chatbot_chat.routes import chat, router
from functions.public_chatbot_chat.schemas import FUNCTION, AssistantRequest, TransformRequest, VisitorRequest
from shared.http.openapi.document import Description, Document, document_of, model_schemas
from shared.http.openapi.models import (
    Count,
    DeltaEvent,
    ErrorEvent,
    Meta,
    ReplyShape,
    ServerSentEvent,
    Usage,
    absent,
)
from shared.http.openapi.operation import (
    CALL_HEADERS,
    KEY,
    USER,
    Operation,
    Schema,
    any_of,
    one_of,
    reference,
    reply,
)

Share = Annotated[float, Field(ge=0, le=1)]


class Session(ReplyShape):
    """The scores of a visitor; 0 for a user."""

    qualification_score: Share
    buying_intent: Share
    emotional_state: str
    message_count: Count


class Answer(ReplyShape, extra="forbid"):
    """The fields of every answer; response, message and content are the same text."""

    success: Literal[True]
    request_id: UUID
    response: Annotated[str, Field(description="Empty while a person has taken over.")]
    message: str
    content: str
    using_open_ai: Annotated[bool, Field(alias="usingOpenAI", description="Whether a model answered.")]
    using_custom_instructions: bool
    custom_instructions_length: Count
    using_workspace_config: bool
    overriding_intelligence: bool
    system_prompt_length: Count
    fallback: Annotated[
        bool, Field(description="No model answered: these are the owner's words, or an apology.")
    ]
    handled_by: Literal["ai", "human", "away"]
    session: Session


class NoUsage(ReplyShape, extra="forbid"):
    """Empty: a visitor may not see the usage."""


class VisitorMeta(ReplyShape, extra="forbid"):
    """The figures that a visitor may see."""

    finish_reason: str | None = absent()
    latency_ms: Count = absent()
    timestamp: datetime = absent()


class VisitorReply(Answer):
    """The answer to a visitor, without costs and model."""

    usage: NoUsage = absent()
    meta: VisitorMeta


class UserReply(Answer):
    """A model's answer to a signed-in user."""

    generation_id: None
    usage: Usage
    tokens_used: Count
    model_name: str
    meta: Meta
    fallback: Literal[False]
    handled_by: Literal["ai"]


class AssistantReply(UserReply):
    """The assistant's answer."""

    conversation_id: Annotated[
        UUID | None,
        Field(description="To be sent with the next message; null if the turn could not be stored."),
    ]


class TransformReply(UserReply):
    """The text, rewritten."""


class MetaEvent(ReplyShape, extra="forbid"):
    """The first event of a stream; a visitor gets only its id."""

    type: Literal["meta"]
    request_id: UUID
    model: str = absent()
    energy: Count | None = absent()
    energy_remaining: Count | None = absent()


class VisitorDoneEvent(VisitorReply):
    """The last event of a visitor's successful stream."""

    type: Literal["done"]


class AssistantDoneEvent(AssistantReply):
    """The last event of an assistant's successful stream."""

    type: Literal["done"]


class TransformDoneEvent(TransformReply):
    """The last event of a transform's successful stream."""

    type: Literal["done"]


REPLIES = (VisitorReply, AssistantReply, TransformReply)
EVENTS = (MetaEvent, DeltaEvent, VisitorDoneEvent, AssistantDoneEvent, TransformDoneEvent, ErrorEvent)

CHAT = Operation(
    summary="Answer one message, of a visitor or of a signed-in user.",
    description="With the publishable key alone: a visitor, who names session and workspace; if no model answers, "
    "the reply is a fallback answer with status 200, and only the limit of calls is an error. With a user's token: the "
    "internal assistant, or with `transformMode` the rewriting of a text; errors are returned as they are. A token "
    "beside a visitor's body (`sessionId` a UUID, `userId`, none of the user's own fields) is a visitor too. "
    "`systemInstruction` and `transformMode` without a token are 403. Fields that are not named are ignored. With "
    "`stream: true` in the body or `Accept: text/event-stream` the reply is a stream of server-sent events.",
    body="Request",
    limit="At most 100 kB of a visitor and 500 kB of a user.",
    parameters=("IdempotencyKey",),
    replies={
        200: reply(
            "The answer.",
            reference("Reply"),
            # A visitor gets neither.
            headers={
                **CALL_HEADERS,
                "x-model-served": {
                    "description": "The model that answered a user.",
                    "schema": {"type": "string"},
                },
            },
            streamed=True,
        )
    },
)

CODES_OF_OTHERS = frozenset(
    {"unknown_generation_type", "unknown_model", "scan_not_found", "scan_failed", "request_not_found"}
)


@cache
def document() -> Document:
    """Return the document, built at the first request for it, so that no cold start waits for it."""
    return document_of(
        Description(
            name=FUNCTION,
            description="The chat of a workspace's public page, the internal assistant of a signed-in user, and the "
            "rewriting of texts. A workspace is charged in energy for what a model answered, and never for anything "
            "else.",
            router=router,
            operations={chat: CHAT},
            schemas=_shapes(),
            security=(KEY, *USER),
            codes_of_others=CODES_OF_OTHERS,
        )
    )


def _shapes() -> dict[str, Schema]:
    requests = (VisitorRequest, AssistantRequest, TransformRequest)
    schemas = model_schemas(requests, [*REPLIES, *EVENTS, ServerSentEvent])
    # This field distinguishes the two shapes of a signed-in user.
    schemas["TransformRequest"]["properties"]["transformMode"] = {"const": True}
    schemas["AssistantRequest"]["properties"]["transformMode"] = {"enum": [False, None]}
    return schemas | {
        "Request": any_of(*(shape.__name__ for shape in requests)),
        "Reply": one_of(*(shape.__name__ for shape in REPLIES)),
        "StreamEvent": one_of(*(event.__name__ for event in EVENTS)),
    }
