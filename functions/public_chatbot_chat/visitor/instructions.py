"""The instructions of a visitor's chat, from the owner's settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.ai.prompt import Prompt, fitted

PROMPT = Prompt.load(Path(__file__).parents[1] / "prompts", "visitor")

# By the name in the prompt: the name in the database, and the limit in bytes; the database selects what is relevant.
FACTS = {
    "company": ("company", 2_000),
    "about": ("about", 6_000),
    "products": ("products", 8_000),
    "answers": ("training", 10_000),
}
CUSTOM_INSTRUCTIONS_CHARS = 8_000

DEPTHS = {"short": "one or two sentences", "medium": "two to four sentences", "long": "up to eight sentences"}
TAGLISH = "Write Taglish, as people in Metro Manila chat."
FOLLOW_VISITOR = "Write in the visitor's language."


def custom_instructions(settings: Mapping[str, Any]) -> str:
    """Return the owner's own instructions if they are enabled, else an empty text."""
    if not settings.get("use_custom_instructions"):
        return ""
    return str(settings.get("custom_system_instructions") or "").strip()[:CUSTOM_INSTRUCTIONS_CHARS]


def overrides_intelligence(settings: Mapping[str, Any]) -> bool:
    """Return whether the owner's instructions replace company data and guidelines."""
    return bool(custom_instructions(settings)) and bool(settings.get("instructions_override_intelligence"))


def system_prompt(settings: Mapping[str, Any], company: Mapping[str, Any] | None) -> str:
    """Return the instructions, filled with the owner's settings and own instructions."""
    tone = str(settings.get("tone") or "professional")
    own = custom_instructions(settings)
    return PROMPT.fill(
        display_name=str(settings.get("display_name") or "AI Assistant"),
        business=str((company or {}).get("company_name") or "this business"),
        tone="friendly" if tone == "taglish" else tone,
        language=TAGLISH if tone == "taglish" else FOLLOW_VISITOR,
        depth=DEPTHS.get(str(settings.get("reply_depth")), DEPTHS["medium"]),
        objection_style=str(settings.get("objection_style") or "empathetic"),
        closing_style=str(settings.get("closing_style") or "warm"),
        instructions=f"What the owner asks for besides, first of all:\n{own}" if own else "",
    )


def knowledge(settings: Mapping[str, Any], chat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that an answer may use, or none if the owner's instructions replace them."""
    if overrides_intelligence(settings):
        return {}
    data = {name: fitted(chat.get(part), limit) for name, (part, limit) in FACTS.items()}
    return {name: value for name, value in data.items() if value}
