"""The content types: what each charges for, asks of the model and gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field

from functions.generate_ai_content.schemas import ContentRequest, MessageType
from shared.ai.call import Structure
from shared.ai.knowledge import (
    custom_instructions,
    preferred_language,
    preferred_tone,
    prospect_data,
    workspace_data,
)
from shared.ai.prompts import Prompt, walled
from shared.ai.provider import Message
from shared.config_cache import Configuration

PROMPTS = Path(__file__).parent / "prompts"
PROMPT_LIMIT_BYTES = 48_000

Text = Annotated[str, Field(min_length=1)]


class Output(BaseModel):
    """A structured result: exactly these fields, as the model must give them."""

    model_config = ConfigDict(extra="forbid", strict=True)


class MessageOutput(Output):
    """What a `message` gives."""

    message: Text
    cta: Text
    alternatives: Annotated[list[Text], Field(min_length=2, max_length=2)]
    emotionalTone: Text  # noqa: N815  # the client's name
    coachingTip: Text  # noqa: N815  # the client's name


@dataclass(frozen=True, slots=True)
class ContentType:
    """One generation type: its energy action, its result, its prompt, and the limit of its output in tokens."""

    name: str
    action: str
    output: type[Output]
    prompt: Prompt
    max_output_tokens: int
    temperature: float

    def structure(self) -> Structure:
        """Give the structure that the model must hold to."""
        return Structure(self.name, strict_schema(self.output), self.parse)

    def parse(self, text: str) -> dict[str, Any]:
        """Validate a result; raises ValueError when it is broken."""
        return self.output.model_validate_json(text).model_dump()


CONTENT_TYPES: Mapping[str, ContentType] = {
    "message": ContentType(
        name="message",
        action="ai_message",
        output=MessageOutput,
        prompt=Prompt.load(PROMPTS, "writer", "message", "language"),
        max_output_tokens=1200,
        temperature=0.8,
    ),
}
MESSAGE_TYPES: tuple[str, ...] = get_args(MessageType)


def strict_schema(output: type[Output]) -> dict[str, Any]:
    """Give the JSON schema in the form that strict structured outputs take: no titles, nothing optional."""
    schema: dict[str, Any] = _without_titles(output.model_json_schema())
    schema.pop("description", None)
    return schema


def _without_titles(node: Any) -> Any:  # noqa: ANN401
    if isinstance(node, dict):
        return {
            name: _without_titles(value)
            for name, value in node.items()
            if not (name == "title" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    return node


def build_messages(
    content: ContentType,
    request: ContentRequest,
    configuration: Configuration,
    prospect: Mapping[str, Any] | None,
) -> Sequence[Message]:
    """Give instructions and, behind the wall, the data they speak of."""
    instructions = content.prompt.fill(
        language=_language(request, configuration),
        tone=request.tone or preferred_tone(configuration) or "friendly",
        channel=request.channel or "messenger",
        goal=request.goal or "start a conversation",
        message_type=_message_type(request) or "fitting the prospect's stage",
        industry=request.industry or "the seller's own",
        persona=request.persona or "the seller",
        custom_instructions=custom_instructions(configuration) or "none",
    )
    data = {
        **workspace_data(configuration),
        "prospect": prospect_data(prospect),
        "product_to_offer": request.product_name,
        "company_name": request.company_name,
        "context": request.context,
    }
    return walled(instructions, {name: value for name, value in data.items() if value is not None})


def input_data(request: ContentRequest) -> dict[str, Any]:
    """Give the choices of a request for the stored generation, without people's words."""
    return request.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"context", "transaction_id"}
    )


def _message_type(request: ContentRequest) -> str | None:
    if request.message_type is not None:
        return request.message_type
    return request.generation_type if request.generation_type in MESSAGE_TYPES else None


def _language(request: ContentRequest, configuration: Configuration) -> str:
    if request.language is not None:
        return request.language
    return preferred_language(configuration) or "auto"
