"""`referral`: a message that asks for a recommendation."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import ContentRequest
from shared.http.fields import Blank, ShortText

Occasion = Literal["post_meeting", "post_sale", "inactive_prospect", "warm_friend"]
PROMPT = prompt("writer", "facts", "referral")


class ReferralRequest(ContentRequest):
    """Who recommended the prospect, and the occasion for asking, which is `context` on the wire."""

    WORDS: ClassVar[frozenset[str]] = frozenset({"referrer_name"})

    prospect_id: UUID
    referrer_name: ShortText = None
    occasion: Annotated[Occasion | None, Blank, Field(alias="context")] = None


class ReferralOutput(Output):
    """The message, reasons to trust it, and the sentence that asks."""

    message: Text
    subject: Text
    social_proof: Annotated[list[Text], Field(min_length=3, max_length=3)]
    referral_ask: Text


class Referral(ContentTask[ReferralRequest, ReferralOutput]):
    """A message that asks for a recommendation."""

    name, action = "referral", "ai_message"
    request_model, output_model = ReferralRequest, ReferralOutput
    prompt = PROMPT
    output_tokens = 1000
    text = "message"

    def variables(self) -> Mapping[str, str]:
        """Return the occasion."""
        return {"occasion": self.request.occasion or "not told: choose by the prospect's stage"}
