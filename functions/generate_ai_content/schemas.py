"""The request shapes that meet at this URL, as the deployed clients send them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

MAX_MESSAGES = 200
MAX_MESSAGES_BYTES = 200_000

Action = Literal[
    "ai_message",
    "ai_scan",
    "ai_follow_up_sequence",
    "ai_objection_handler",
    "ai_pitch_deck",
    "ai_chatbot_response",
    "ai_deep_scan",
    "ai_company_analysis",
]
ACTION_ALIASES = {"prospect_analysis": "ai_deep_scan"}

MessageType = Literal[
    "first_outreach", "follow_up", "reconnect", "nurture", "book_call", "objection", "closing", "slow_nurture"
]
Goal = Literal["recruit", "sell", "book_call", "introduce", "follow_up", "reconnect", "nurture", "close"]
Channel = Literal["web", "facebook", "messenger", "whatsapp", "viber", "email", "sms", "linkedin"]
Tone = Literal[
    "professional", "friendly", "casual", "warm", "direct", "confident", "empathetic", "persuasive"
]
Language = Literal["english", "filipino", "taglish", "cebuano", "spanish", "auto"]


def _blank_to_none(value: object) -> object:
    """Take an empty field of a form as one that was not filled in."""
    return None if isinstance(value, str) and not value.strip() else value


ShortText = Annotated[str | None, Field(max_length=500), BeforeValidator(_blank_to_none)]
LongText = Annotated[str | None, Field(max_length=20_000), BeforeValidator(_blank_to_none)]
Blank = BeforeValidator(_blank_to_none)
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
OutputTokens = Annotated[int, Field(ge=1, le=200_000)]


class Shape(BaseModel):
    """A request shape: camelCase on the wire, extra fields ignored, no silent conversions of types."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, protected_namespaces=())


class ContentRequest(Shape):
    """The content shape: a text about a prospect, asked for by type."""

    generation_type: str
    prospect_id: UUID
    message_type: Annotated[MessageType | None, Blank] = None
    goal: Annotated[Goal | None, Blank] = None
    tone: Annotated[Tone | None, Blank] = None
    language: Annotated[Language | None, Blank] = None
    channel: Annotated[Channel | None, Blank] = None
    # Free text on purpose: mlm, insurance, real_estate, product, coaching and general are only the usual ones.
    industry: ShortText = None
    persona: ShortText = None
    product_name: ShortText = None
    company_name: ShortText = None
    context: LongText = None
    transaction_id: ShortText = None

    @model_validator(mode="before")
    @classmethod
    def _intent_is_goal(cls, body: Any) -> Any:  # noqa: ANN401
        if isinstance(body, dict) and body.get("goal") in (None, "") and "intent" in body:
            return {**body, "goal": body["intent"]}
        return body


class ChatMessage(BaseModel):
    """One message of the orchestrator shapes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Literal["system", "user", "assistant", "developer"]
    content: str = Field(min_length=1)


Messages = Annotated[tuple[ChatMessage, ...], Field(min_length=1, max_length=MAX_MESSAGES)]


def _canonical(action: object) -> object:
    return ACTION_ALIASES.get(action, action) if isinstance(action, str) else action


AnyAction = Annotated[Action, BeforeValidator(_canonical)]


class OrchestratorConfig(Shape):
    """`config` of the orchestrator shape. `coinCost` and `skipCoinCheck` of older callers have no effect."""

    action: AnyAction
    user_id: UUID | None = None
    model: ShortText = None
    provider: ShortText = None
    temperature: Temperature | None = None
    max_tokens: OutputTokens | None = None
    stream: bool = False
    workspace_id: ShortText = None
    prospect_id: Annotated[UUID | None, Blank] = None
    auto_select_model: bool = True
    retry_attempts: Annotated[int, Field(ge=0, le=5)] = 2
    retry_delay: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False, description="milliseconds")] = (
        500
    )
    allow_fallback: bool = True
    fallback_model: ShortText = None
    transaction_id: ShortText = None
    skip_coin_check: bool | None = None
    coin_cost: float | None = None


class OrchestratorRequest(Shape):
    """The orchestrator shape: messages and how to answer them."""

    messages: Messages
    config: OrchestratorConfig
    stream: bool = False


class FlatRequest(BaseModel):
    """The flat orchestrator shape of older callers: the configuration beside the messages."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=False, protected_namespaces=())

    messages: Messages
    action: AnyAction = Field(alias="generationType")
    model: ShortText = None
    temperature: Temperature | None = None
    max_tokens: OutputTokens | None = None
    workspace_id: ShortText = Field(None, alias="workspaceId")
    prospect_id: Annotated[UUID | None, Blank] = Field(None, alias="prospectId")
    skip_prospect_validation: bool = Field(default=False, alias="skipProspectValidation")
    skip_coin_check: bool | None = Field(None, alias="skipCoinCheck")
    coin_cost: float | None = Field(None, alias="coinCost")
    transaction_id: ShortText = Field(None, alias="transactionId")
    stream: bool = False

    def as_orchestrator(self) -> OrchestratorRequest:
        """Give the same request in the orchestrator shape."""
        return OrchestratorRequest.model_construct(
            messages=self.messages,
            config=OrchestratorConfig.model_construct(
                action=self.action,
                model=self.model,
                temperature=self.temperature,
                max_tokens=self.max_tokens,
                prospect_id=None if self.skip_prospect_validation else self.prospect_id,
                transaction_id=self.transaction_id,
            ),
            stream=self.stream,
        )
