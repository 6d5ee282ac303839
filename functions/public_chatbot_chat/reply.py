"""What a signed-in caller is told of an answer: the fields that the page of a visitor reads too."""

from typing import Any


def told(
    text: str, *, prompt: str, own_instructions: str = "", uses_workspace: bool = False, messages: int = 0
) -> dict[str, Any]:
    """Return the fields of an answer that a model gave under these instructions; `messages` are kept of its talk."""
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
        # Nobody rates a user: the figures are there for the code that reads them of a visitor.
        "session": {
            "qualificationScore": 0,
            "buyingIntent": 0,
            "emotionalState": "Neutral",
            "messageCount": messages,
        },
    }
