"""The reply's fields of an answer to a signed-in caller, the same as for a visitor's page."""

from typing import Any


def answer_fields(
    text: str, *, prompt: str, own_instructions: str = "", uses_workspace: bool = False, messages: int = 0
) -> dict[str, Any]:
    """Return the fields of a model's answer; `messages` is the number of stored messages of its conversation."""
    return {
        "response": text,
        "message": text,
        "content": text,
        "usingOpenAI": True,
        "usingCustomInstructions": bool(own_instructions),
        "customInstructionsLength": len(own_instructions),
        "usingWorkspaceConfig": uses_workspace,
        "overridingIntelligence": False,
        "systemPromptLength": len(prompt),
        "fallback": False,
        "handledBy": "ai",
        # A user has no scores; the client reads the same fields as for a visitor.
        "session": {
            "qualificationScore": 0,
            "buyingIntent": 0,
            "emotionalState": "Neutral",
            "messageCount": messages,
        },
    }
