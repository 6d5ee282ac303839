"""The OpenAPI document of the function."""

from functools import cache
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, Field, RootModel

from functions.generate_ai_content.content_types import CONTENT_TYPES
from functions.generate_ai_content.content_types.booking import BookingOutput
from functions.generate_ai_content.content_types.call import CallOutput
from functions.generate_ai_content.content_types.company_analysis import CompanyOutput
from functions.generate_ai_content.content_types.deep_scan import Points
from functions.generate_ai_content.content_types.message import MESSAGE_TYPES, MessageOutput
from functions.generate_ai_content.content_types.objection import ObjectionOutput
from functions.generate_ai_content.content_types.output import Text
from functions.generate_ai_content.content_types.referral import ReferralOutput
from functions.generate_ai_content.content_types.revival import RevivalOutput
from functions.generate_ai_content.content_types.social import SocialOutput
from functions.generate_ai_content.requests.request import FUNCTION
from functions.generate_ai_content.requests.schemas import (
    ACTION_ALIASES,
    Action,
    FlatRequest,
    OrchestratorRequest,
    PromptRequest,
)
from functions.generate_ai_content.routes import find_request, generate, router
from shared.http.openapi.document import Description, Document, document_of, model_schemas
from shared.http.openapi.models import (
    Count,
    DeltaEvent,
    ErrorEvent,
    GenerationReply,
    MetaEvent,
    ReplyShape,
    ServerSentEvent,
    absent,
)
from shared.http.openapi.operation import (
    CALL_HEADERS,
    KEY,
    USER,
    Operation,
    Schema,
    any_of,
    reference,
    reply,
)


class JobState(ReplyShape, extra="forbid"):
    """The state of a queued request."""

    success: Literal[True]
    request_id: UUID
    status: Annotated[
        Literal["queued", "running", "done"],
        Field(description="`done` once the stored reply has been erased."),
    ]


class Step(ReplyShape, extra="forbid"):
    """One message of a sequence."""

    step: Annotated[int, Field(ge=1)]
    day: Count
    subject: Text
    message: Text
    cta: Text = absent()


class Sequence(ReplyShape, extra="forbid"):
    """The steps in order."""

    steps: Annotated[list[Step], Field(min_length=3, max_length=10)]
    total_steps: Annotated[int, Field(ge=3, le=10)]
    sequence_type: str


class SequenceOutput(ReplyShape, extra="forbid"):
    """The output of `sequence`."""

    sequence: Sequence


class Slide(ReplyShape, extra="forbid"):
    """One slide of a deck."""

    slide: Annotated[int, Field(ge=1)]
    title: Text
    content: Text
    bullets: Annotated[list[Text], Field(max_length=6)] = absent()


class DeckOutput(ReplyShape, extra="forbid"):
    """The output of `deck`: the slides in order."""

    deck: Annotated[list[Slide], Field(min_length=7, max_length=15)]


class DeepScanOutput(ReplyShape, extra="forbid"):
    """The output of `deep_scan`; `evidence` has for each field the words of the data that show it."""

    scout_score: Points
    bucket: Literal["hot", "warm", "cold"]
    confidence: Points
    personality: str | None
    pain_points: list[str]
    interests: list[str]
    financial_signals: list[str]
    life_events: list[str]
    buying_indicators: list[str]
    top_opportunities: list[str]
    recommended_approach: str | None
    evidence: dict[str, list[str]]


class OrchestratorOutput(ReplyShape, extra="forbid"):
    """The output of the orchestrator and prompt shapes."""

    message: str


class DeepIntelOutput(RootModel[Annotated[dict[str, Any], Field(min_length=1)]]):
    """The output of the prompt shape with mode `deep_intel`: the fields that the prompt describes."""


class Output(
    RootModel[
        MessageOutput | ObjectionOutput | BookingOutput | RevivalOutput | ReferralOutput | CallOutput
        | SocialOutput | CompanyOutput | SequenceOutput | DeckOutput | DeepScanOutput | OrchestratorOutput
        | DeepIntelOutput
    ]
):  # fmt: skip
    """The output, by the shape of the request."""


class Reply(GenerationReply):
    """The reply with its output, usage and costs."""

    output: Output


class DoneEvent(Reply):
    """The last event of a successful stream."""

    type: Literal["done"]


class StreamEvent(
    RootModel[Annotated[MetaEvent | DeltaEvent | DoneEvent | ErrorEvent, Field(discriminator="type")]]
):
    """The `data` of an event."""


GENERATE = Operation(
    summary="Generate content, or ask the orchestrator.",
    description="Every shape meets here: content (`generationType`), orchestrator (`messages`, with or without "
    "`config`) and prompt (`prompt`). Fields that are not named are ignored. With `stream: true` in the body or "
    "`Accept: text/event-stream` the reply is a stream of server-sent events. The service key serves the prompt "
    "shape alone, for the user named in `user_id`.",
    body="Request",
    limit="At most 4.5 MB; messages and prompts at most 200 kB.",
    parameters=("IdempotencyKey", "Prefer"),
    security=(*USER, KEY),
    replies={
        200: reply("The result.", reference("Reply"), headers=CALL_HEADERS, streamed=True),
        202: reply("Queued: fetch it at requests/{request_id}.", reference("JobState")),
    },
)

FIND_REQUEST = Operation(
    summary="Fetch the reply of a request sent with respond-async.",
    description="Its owner gets the state while it waits or runs, then the reply with the status that the call would "
    "have had. Kept for 24 hours.",
    replies={200: reply("The state, or the reply.", any_of("JobState", "Reply"))},
)


@cache
def document() -> Document:
    """Return the document, built at the first request for it, so that no cold start waits for it."""
    return document_of(
        Description(
            name=FUNCTION,
            description="Messages, sequences, scripts, decks, scans and the free-form orchestrator call. A call is "
            "charged in energy when it delivers, and never when it does not.",
            router=router,
            operations={generate: GENERATE, find_request: FIND_REQUEST},
            schemas=_shapes(),
            codes_of_others=frozenset(
                {"session_not_found", "scan_not_found", "chatbot_not_found", "conversation_not_found"}
            ),
        )
    )


def _shapes() -> dict[str, Schema]:
    contents: list[type[BaseModel]] = [content.request_model for content in CONTENT_TYPES.values()]
    requests: list[type[BaseModel]] = [*contents, OrchestratorRequest, FlatRequest, PromptRequest]
    schemas = model_schemas(requests, [Reply, JobState, StreamEvent, ServerSentEvent])
    for content in CONTENT_TYPES.values():
        _tell_content(schemas[content.request_model.__name__], content.name)
    for name, field in (("OrchestratorConfig", "action"), ("FlatRequest", "generationType")):
        schemas[name]["properties"][field]["enum"] = [*get_args(Action), *ACTION_ALIASES]
    schemas["ObjectionOutput"]["properties"]["response"] = {
        "type": "string",
        "description": "The same as message.",
    }
    return schemas | {"Request": any_of(*(model.__name__ for model in requests))}


def _tell_content(schema: Schema, name: str) -> None:
    """Return the schema of a content shape, with the rules that routes and validators enforce."""
    properties = schema["properties"]
    names = (
        [name, *(kind for kind in MESSAGE_TYPES if kind not in CONTENT_TYPES)]
        if name == "message"
        else [name]
    )
    properties["generationType"]["enum"] = names
    properties["stream"] = {"type": "boolean", "default": False}
    for field, other in (("goal", "intent"), ("deckType", "version")):
        if field in properties:
            properties[other] = properties[field] | {"description": f"Another name of {field}."}
    if properties["prospectId"].get("type") == "null":
        del properties["prospectId"]
