"""One turn of the internal assistant: its prompt, its rows and its reply."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from functions.public_chatbot_chat.reply import answer_fields
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
"""Instructions, history, and twice the data, because its quotes are escaped again in the request."""

FOLLOW_USER = "Write in the language the user writes in; Taglish where the user mixes both."


class AssistantTask(Task):
    """A user's message to the assistant; the settlement stores question and answer together."""

    action = "ai_chatbot_response"
    temperature = TEMPERATURE
    prompt_version = PROMPT.version

    def __init__(self, request: AssistantRequest) -> None:
        """Raise PayloadTooLarge if the user's words exceed their limit."""
        self._message = request.message
        self._request_instruction = request.system_instruction or ""
        self._stored_id = None if request.conversation_id is None else str(request.conversation_id)
        self._conversation_id = self._stored_id or str(uuid4())
        self._prompt = ""
        self._instructions = ""
        self._knows_workspace = False
        self._stored_messages = 0
        prospect_id = None if request.prospect_id is None else str(request.prospect_id)
        self.limits = Limits(self._prompt_bytes(), MAX_OUTPUT_TOKENS)
        self.reading = Reading(
            prospect_id=prospect_id,
            function="load_assistant_material",
            arguments={"p_conversation_id": self._stored_id, "p_prospect_id": prospect_id},
        )

    def _prompt_bytes(self) -> int:
        own = len(json.dumps([self._message, self._request_instruction], ensure_ascii=False).encode())
        if own > OWN_WORDS_BYTES:
            raise PayloadTooLarge(f"message is too large: at most {OWN_WORDS_BYTES} bytes are taken.")
        return FIXED_PROMPT_BYTES + own

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the instructions, the user's data, the newest turns, and the message."""
        configuration, data_read = material.configuration, material.answer
        workspace = workspace_data(configuration)
        self._knows_workspace = bool(workspace)
        self._stored_messages = data_read.get("message_count", 0)
        stored = fitted(custom_instructions(configuration), INSTRUCTIONS_BYTES) or ""
        self._instructions = "\n".join(text for text in (stored, self._request_instruction) if text)
        self._prompt = _system_prompt(configuration, self._instructions)
        data = {
            **workspace,
            "figures": fitted(data_read.get("figures"), FIGURES_BYTES),
            "prospect": prospect_data(material.prospect),
        }
        return [
            *walled(self._prompt, {name: value for name, value in data.items() if value is not None}),
            *_newest_turns(data_read.get("history", ())),
            {"role": "user", "content": self._message},
        ]

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the answer's fields of the reply."""
        return {
            **answer_fields(
                generated.text,
                prompt=self._prompt,
                own_instructions=self._instructions,
                uses_workspace=self._knows_workspace,
                messages=self._stored_messages + 2,
            ),
            "conversationId": self._conversation_id,
        }

    def reserve_function(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Return the function that reserves and also checks the owner of the conversation."""
        return "assistant_open", {"p_conversation_id": self._stored_id, "p_request": reservation}

    def rows(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the row of the message and its answer."""
        del tokens
        return {
            "assistant": {
                "conversation_id": self._conversation_id,
                "is_new": self._stored_id is None,
                "title": " ".join(self._message.split())[:TITLE_CHARS],
                "message": self._message,
                "answer": generated.text,
            }
        }


def _system_prompt(configuration: Configuration, instructions: str) -> str:
    profile = configuration.sections.get("profile") or {}
    language = preferred_language(configuration)
    style = FOLLOW_USER if language in {None, "auto"} else f"Write in {str(language)[:40]}."
    wishes = f"What the user asks for in every answer:\n{instructions}" if instructions else ""
    return PROMPT.fill(
        name=str(profile.get("full_name") or "the user")[:200], language=style, instructions=wishes
    )


def _newest_turns(history: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return the newest turns that fit, in order, starting with a user's message."""
    turns: list[Message] = []
    remaining = HISTORY_BYTES
    for turn in reversed(history):
        message = {"role": turn["role"], "content": turn["content"]}
        remaining -= len(json.dumps(message, ensure_ascii=False).encode()) + 1
        if remaining < 0:
            break
        turns.insert(0, message)
    return turns[1:] if turns and turns[0]["role"] == "assistant" else turns
