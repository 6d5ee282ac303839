"""`referral`: a message that asks for a recommendation."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from functions.generate_ai_content.content_types.content_type import ContentType, Output, Task, Text, prompt
from functions.generate_ai_content.content_types.request import ContentRequest
from shared.http.fields import Blank, ShortText

Occasion = Literal["post_meeting", "post_sale", "inactive_prospect", "warm_friend"]
PROMPT = prompt("writer", "facts", "referral")


class ReferralRequest(ContentRequest):
    """Who recommended the prospect, and on what occasion the prospect is asked; on the wire that is `context`."""

    WORDS: ClassVar[frozenset[str]] = frozenset({"referrer_name"})

    prospect_id: UUID
    referrer_name: ShortText = None
    occasion: Annotated[Occasion | None, Blank, Field(alias="context")] = None


class ReferralOutput(Output):
    """The message, what makes it safe to recommend, and the sentence that asks."""

    message: Text
    subject: Text
    social_proof: Annotated[list[Text], Field(min_length=3, max_length=3)]
    referral_ask: Text


def _task(request: ReferralRequest) -> Task:
    return Task(
        action="ai_message",
        prompt=PROMPT,
        output=ReferralOutput,
        max_output_tokens=1000,
        variables={"occasion": request.occasion or "not told: choose by the prospect's stage"},
        text="message",
    )


REFERRAL = ContentType("referral", ReferralRequest, _task)
