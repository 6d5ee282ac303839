"""`social`: a reply to a post."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import WithContext, WithGoal
from shared.http.fields import Blank

PostType = Literal["personal", "business", "life_event", "pain_point", "neutral", "achievement"]
SocialGoal = Literal["relationship_building", "nurture", "soft_positioning"]
PROMPT = prompt("writer", "facts", "social")


class SocialRequest(WithContext, WithGoal):
    """The kind of post and the goal of the reply; the post's text is in `context`."""

    post_type: Annotated[PostType | None, Blank] = None
    goal: Annotated[SocialGoal | None, Blank] = None


class SocialOutput(Output):
    """A public comment, alternatives, a private message, and warnings."""

    public_reply: Text
    private_follow_up_suggestion: Text
    alternative_replies: Annotated[list[Text], Field(min_length=2, max_length=2)]
    risk_warnings: Annotated[list[Text], Field(max_length=3)]


class Social(ContentTask[SocialRequest, SocialOutput]):
    """A public reply to a post."""

    name, action = "social", "ai_message"
    request_model, output_model = SocialRequest, SocialOutput
    prompt = PROMPT
    output_tokens = 1000
    text = "publicReply"

    def variables(self) -> Mapping[str, str]:
        """Return the kind of post and the goal of the reply."""
        return {
            "post_type": self.request.post_type or "neutral",
            "goal": self.request.goal or "relationship_building",
        }
