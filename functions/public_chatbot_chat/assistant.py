"""One turn of the internal assistant: what it is made of, what it leaves in the database, what the user is told."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from functions.public_chatbot_chat.reply import told
from functions.public_chatbot_chat.schemas import AssistantRequest
from shared.ai import Generated, Limits, Material, Message, Reading, Task
from shared.ai.prompt import (
    Prompt,
    custom_instructions,
    fitted,
    preferred_language,
    prospect_data,
    walled,
    workspace_data,
)
from shared.errors import PayloadTooLarge
from shared.supabase.configuration import Configuration

PROMPT = Prompt.load(Path(__file__).parent / "prompts", "assistant")

MAX_OUTPUT_TOKENS = 1_500
TEMPERATURE = 0.6
TITLE_CHARS = 80

HISTORY_BYTES = 16_000
FIGURES_BYTES = 6_000
INSTRUCTIONS_BYTES = 6_000

OWN_WORDS_BYTES = 48_000
FIXED_PROMPT_BYTES = 74_000
"""Instructions, history, and twice the data: its quotes are escaped once more on the wire."""

FOLLOW_USER = "Write in the language the user writes in; Taglish where the user mixes both."


class AssistantTask(Task):
    """A user's message on its way; question and answer are stored together, by the settlement, or not at all."""

    action = "ai_chatbot_response"
    temperature = TEMPERATURE
    prompt_version = PROMPT.version

    def __init__(self, asked: AssistantRequest) -> None:
        """Raise PayloadTooLarge where the user's words pass their limit."""
        self._message = asked.message
        self._asked_instruction = asked.system_instruction or ""
        self._earlier_id = None if asked.conversation_id is None else str(asked.conversation_id)
        self._conversation_id = self._earlier_id or str(uuid4())
        self._prompt = ""
        self._instructions = ""
        self._knows_workspace = False
        self._earlier_messages = 0
        prospect_id = None if asked.prospect_id is None else str(asked.prospect_id)
        self.limits = Limits(self._prompt_bytes(), MAX_OUTPUT_TOKENS)
        self.reading = Reading(
            prospect_id=prospect_id,
            function="load_assistant_material",
            arguments={"p_conversation_id": self._earlier_id, "p_prospect_id": prospect_id},
        )

    def _prompt_bytes(self) -> int:
        own = len(json.dumps([self._message, self._asked_instruction], ensure_ascii=False).encode())
        if own > OWN_WORDS_BYTES:
            raise PayloadTooLarge(f"message is too large: at most {OWN_WORDS_BYTES} bytes are taken.")
        return FIXED_PROMPT_BYTES + own

    def messages(self, material: Material) -> Sequence[Message]:
        """Return instructions, the user's data behind the wall, the newest turns, and what was just asked."""
        configuration, read = material.configuration, material.answer
        workspace = workspace_data(configuration)
        self._knows_workspace = bool(workspace)
        self._earlier_messages = read.get("message_count", 0)
        stored = fitted(custom_instructions(configuration), INSTRUCTIONS_BYTES) or ""
        self._instructions = "\n".join(text for text in (stored, self._asked_instruction) if text)
        self._prompt = _system_prompt(configuration, self._instructions)
        data = {
            **workspace,
            "figures": fitted(read.get("figures"), FIGURES_BYTES),
            "prospect": prospect_data(material.prospect),
        }
        return [
            *walled(self._prompt, {name: value for name, value in data.items() if value is not None}),
            *_newest_turns(read.get("history", ())),
            {"role": "user", "content": self._message},
        ]

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the fields that the client reads."""
        return {
            **told(
                generated.text,
                prompt=self._prompt,
                own_instructions=self._instructions,
                uses_workspace=self._knows_workspace,
                messages=self._earlier_messages + 2,
            ),
            "conversationId": self._conversation_id,
        }

    def reserve_function(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Reserve through the function that also checks whose conversation it is."""
        return "assistant_open", {"p_conversation_id": self._earlier_id, "p_request": reservation}

    def rows(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the question with its answer."""
        del tokens
        return {
            "assistant": {
                "conversation_id": self._conversation_id,
                "is_new": self._earlier_id is None,
                "title": " ".join(self._message.split())[:TITLE_CHARS],
                "message": self._message,
                "answer": generated.text,
            }
        }


def _system_prompt(configuration: Configuration, instructions: str) -> str:
    profile = configuration.sections.get("profile") or {}
    language = preferred_language(configuration)
    spoken = FOLLOW_USER if language in {None, "auto"} else f"Write in {str(language)[:40]}."
    asked = f"What the user asks for in every answer:\n{instructions}" if instructions else ""
    return PROMPT.fill(
        name=str(profile.get("full_name") or "the user")[:200], language=spoken, instructions=asked
    )


def _newest_turns(history: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return the newest turns that fit, in order, beginning with a question."""
    turns: list[Message] = []
    left = HISTORY_BYTES
    for turn in reversed(history):
        message = {"role": turn["role"], "content": turn["content"]}
        left -= len(json.dumps(message, ensure_ascii=False).encode()) + 1
        if left < 0:
            break
        turns.insert(0, message)
    return turns[1:] if turns and turns[0]["role"] == "assistant" else turns
