"""The fields of all content types."""

from typing import Annotated, Any, ClassVar, Literal, get_args
from uuid import UUID

from pydantic import model_validator

from shared.http.fields import Blank, LongText, Shape, ShortText

Tone = Literal[
    "professional", "friendly", "casual", "warm", "direct", "confident", "empathetic", "persuasive"
]
Language = Literal["english", "filipino", "taglish", "cebuano", "spanish", "auto"]
LANGUAGES: tuple[str, ...] = get_args(Language)
Channel = Literal["web", "facebook", "messenger", "whatsapp", "viber", "email", "sms", "linkedin"]


class ContentRequest(Shape):
    """The fields that all content types have in common."""

    WORDS: ClassVar[frozenset[str]] = frozenset({"context"})
    """Fields with people's words: data for the prompt, which is not stored with the result."""

    generation_type: str
    prospect_id: Annotated[UUID | None, Blank] = None
    tone: Annotated[Tone | None, Blank] = None
    language: Annotated[Language | None, Blank] = None
    channel: Annotated[Channel | None, Blank] = None
    # Free text: mlm, insurance, real_estate, product, coaching and general are only common values.
    industry: ShortText = None
    persona: ShortText = None
    product_name: ShortText = None
    company_name: ShortText = None
    transaction_id: ShortText = None

    def material(self) -> dict[str, Any]:
        """Return the data of the request for the prompt; None for missing fields."""
        return {
            "product_to_offer": self.product_name,
            "company_name": self.company_name,
            **{name: getattr(self, name) for name in sorted(self.WORDS) if name in type(self).model_fields},
        }

    def choices(self) -> dict[str, Any]:
        """Return the choices of the request for the stored generation, without people's words."""
        return self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude={"transaction_id", *self.WORDS}
        )


class WithContext(ContentRequest):
    """A request that may contain pasted text."""

    context: LongText = None


class AboutProspect(WithContext):
    """A request that needs a prospect."""

    prospect_id: UUID


class WithGoal(Shape):
    """A request with a goal, which some clients send as `intent`."""

    @model_validator(mode="before")
    @classmethod
    def _intent_is_goal(cls, body: Any) -> Any:  # noqa: ANN401  # any JSON
        return synonym(body, "goal", "intent")


def synonym(body: Any, name: str, other: str) -> Any:  # noqa: ANN401  # any JSON
    """Return the body with `other` renamed to `name`, if only `other` has a value."""
    if isinstance(body, dict) and body.get(name) in (None, "") and other in body:
        return {**body, name: body[other]}
    return body
