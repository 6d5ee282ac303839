"""What every content type takes: whom it is for and how it should sound."""

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
    """The content shape without what only one type takes; a prospect may be given."""

    WORDS: ClassVar[frozenset[str]] = frozenset({"context"})
    """Fields that hold people's words: data for a prompt, and nothing to be kept with the result."""

    generation_type: str
    prospect_id: Annotated[UUID | None, Blank] = None
    tone: Annotated[Tone | None, Blank] = None
    language: Annotated[Language | None, Blank] = None
    channel: Annotated[Channel | None, Blank] = None
    # Free text on purpose: mlm, insurance, real_estate, product, coaching and general are only the usual ones.
    industry: ShortText = None
    persona: ShortText = None
    product_name: ShortText = None
    company_name: ShortText = None
    transaction_id: ShortText = None

    def material(self) -> dict[str, Any]:
        """Return what stands in the data beside workspace and prospect; None where it was not given."""
        return {
            "product_to_offer": self.product_name,
            "company_name": self.company_name,
            **{name: getattr(self, name) for name in sorted(self.WORDS) if name in type(self).model_fields},
        }

    def choices(self) -> dict[str, Any]:
        """Return what was chosen, for the stored generation, without people's words."""
        return self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude={"transaction_id", *self.WORDS}
        )


class WithContext(ContentRequest):
    """A request that may carry text of the caller's, pasted as it is."""

    context: LongText = None


class AboutProspect(WithContext):
    """A request that makes no sense without a prospect."""

    prospect_id: UUID


class WithGoal(Shape):
    """Some forms name the goal `intent`; a goal that is there wins."""

    @model_validator(mode="before")
    @classmethod
    def _intent_is_goal(cls, body: Any) -> Any:  # noqa: ANN401  # what was sent
        return synonym(body, "goal", "intent")


def synonym(body: Any, name: str, other: str) -> Any:  # noqa: ANN401  # what was sent
    """Return the body with a field under its first name, where only the second was filled in."""
    if isinstance(body, dict) and body.get(name) in (None, "") and other in body:
        return {**body, name: body[other]}
    return body
