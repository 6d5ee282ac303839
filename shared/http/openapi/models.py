"""The models of replies for OpenAPI documents; no request is served with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Count = Annotated[int, Field(ge=0)]


class ReplyShape(BaseModel):
    """A part of a reply: camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, protected_namespaces=())


def absent(**arguments: Any) -> Any:  # noqa: ANN401  # any argument of a field, and a default of any type
    """Return the default of a field that may be missing from a reply but is never null."""
    return Field(default_factory=dict, **arguments)


class FieldError(ReplyShape, extra="forbid"):
    """One field of a request that is missing or invalid."""

    field: str
    message: str
    allowed: list[str] = absent()


class Error(ReplyShape):
    """The body of every error."""

    success: Literal[False]
    error: Annotated[str, Field(min_length=1, description="A sentence for a person.")]
    code: Annotated[str, Field(description="A stable name.")]
    request_id: UUID
    details: list[FieldError] | None
    requires_energy: Literal[True] = absent()
    required_energy: Count = absent()
    current_energy: Count = absent()
    requires_coins: Literal[True] = absent()
    required_coins: Count = absent()
    current_coins: Count = absent()


class Health(ReplyShape):
    """The health of a function."""

    success: Literal[True]
    function: str
    status: Literal["ok"]


class Usage(BaseModel, extra="forbid"):
    """The tokens of all attempts."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    cached_tokens: Count
    reasoning_tokens: Count


class Meta(ReplyShape, extra="forbid"):
    """Which model served, why, what it cost, and how long it took."""

    provider: str
    model: str
    requested_model: str | None
    downgrade_reason: str | None
    finish_reason: str | None
    max_tokens: Annotated[int, Field(ge=1)]
    tokens_used: Count
    tokens_prompt: Count
    tokens_completion: Count
    cost_usd: Annotated[float, Field(ge=0, alias="costUSD")]
    energy_consumed: Count
    energy_remaining: Count
    latency_ms: Count
    overhead_ms: Count
    cached: bool
    retry_count: Count
    fallback_used: bool
    timestamp: datetime


class GenerationReply(ReplyShape):
    """The reply to a signed-in caller; each function defines its `output`."""

    success: Literal[True]
    generation_id: Annotated[UUID, Field(description="The row in ai_generations.")]
    request_id: UUID
    output: Any
    message: Annotated[str | None, Field(description="The text, where the result is text.")]
    content: Annotated[str | None, Field(description="The same string as message.")]
    usage: Usage
    tokens_used: Count
    model_name: str
    meta: Meta


class MetaEvent(ReplyShape, extra="forbid"):
    """The first event of a stream: what is held, before any text."""

    type: Literal["meta"]
    request_id: UUID
    model: str
    energy: Count
    energy_remaining: Count


class DeltaEvent(BaseModel, extra="forbid"):
    """A piece of the text."""

    type: Literal["delta"]
    text: str


class ErrorEvent(Error):  # noqa: N818  # no exception: a part of a document
    """The last event of a failed stream."""

    type: Literal["error"]


class ServerSentEvent(BaseModel):
    """One event of the stream: meta comes first, then deltas, then done or error."""

    data: Annotated[
        str,
        Field(
            json_schema_extra={
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": "#/components/schemas/StreamEvent"},
            }
        ),
    ]


COMMON: Sequence[type[BaseModel]] = (Error, Health, Usage, Meta)
"""The models in every function's document."""
