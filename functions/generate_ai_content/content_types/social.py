"""`social`: a reply to a post."""

from typing import Annotated, Literal

from pydantic import Field

from functions.generate_ai_content.content_types.content_type import ContentType, Output, Task, Text, prompt
from functions.generate_ai_content.content_types.request import WithContext, WithGoal
from shared.http.fields import Blank

PostType = Literal["personal", "business", "life_event", "pain_point", "neutral", "achievement"]
SocialGoal = Literal["relationship_building", "nurture", "soft_positioning"]
PROMPT = prompt("writer", "facts", "social")


class SocialRequest(WithContext, WithGoal):
    """The kind of post, and what the reply is for; the post's text stands in `context`."""

    post_type: Annotated[PostType | None, Blank] = None
    goal: Annotated[SocialGoal | None, Blank] = None


class SocialOutput(Output):
    """A comment for everybody to read, others, a private message, and what could go wrong."""

    public_reply: Text
    private_follow_up_suggestion: Text
    alternative_replies: Annotated[list[Text], Field(min_length=2, max_length=2)]
    risk_warnings: Annotated[list[Text], Field(max_length=3)]


def _task(request: SocialRequest) -> Task:
    return Task(
        action="ai_message",
        prompt=PROMPT,
        output=SocialOutput,
        max_output_tokens=1000,
        variables={
            "post_type": request.post_type or "neutral",
            "goal": request.goal or "relationship_building",
        },
        text="publicReply",
    )


SOCIAL = ContentType("social", SocialRequest, _task)
