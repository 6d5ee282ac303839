"""The request shapes without a content type: messages or a prompt, as deployed clients send them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.http.fields import Blank, OutputTokens, Shape, ShortText, Temperature

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
    """`config` of the orchestrator shape. `coinCost` and `skipCoinCheck` of older clients have no effect."""

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
    """The orchestrator shape: messages, and a configuration."""

    messages: Messages
    config: OrchestratorConfig
    stream: bool = False


class FlatRequest(BaseModel):
    """The flat orchestrator shape of older clients: the configuration's fields beside the messages."""

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
        """Return the same request in the orchestrator shape."""
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


class PromptRequest(BaseModel):
    """The prompt shape; mode `deep_intel` demands a JSON object. Other modes are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    prompt: str = Field(min_length=1)
    system_prompt: Annotated[str | None, Blank] = None
    model: ShortText = None
    temperature: Temperature | None = None
    max_tokens: OutputTokens | None = None
    mode: ShortText = None
    user_id: Annotated[UUID | None, Blank] = None
    stream: bool = False
