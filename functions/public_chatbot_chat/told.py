"""What a signed-in caller is told of an answer: the fields that the page of a visitor reads too."""

from typing import Any


def told(text: str, *, prompt: str, own_instructions: str, uses_workspace: bool) -> dict[str, Any]:
    """Give the fields of an answer that a model gave under these instructions."""
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
    }
