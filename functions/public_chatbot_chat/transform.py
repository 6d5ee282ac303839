"""The rewriting of a text by an instruction, both the signed-in caller's own; nothing of it is kept as a chat."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functions.public_chatbot_chat.reply import told
from functions.public_chatbot_chat.schemas import TransformRequest
from shared.ai import Generated, Limits, Material, Message, Reading, Task
from shared.ai.prompt import Prompt
from shared.errors import PayloadTooLarge

PROMPT = Prompt.load(Path(__file__).parent / "prompts", "transform")

DEFAULT_OUTPUT_TOKENS = 4_000
TEMPERATURE = 0.3

MAX_TEXTS_BYTES = 100_000
OVERHEAD_BYTES = 256
"""JSON around the two messages."""


class TransformTask(Task):
    """A text, rewritten by the caller's instruction or by ours."""

    action = "ai_chatbot_response"
    reading = Reading(configuration=False)

    def __init__(self, asked: TransformRequest) -> None:
        """Raise PayloadTooLarge where text and instruction pass their limit."""
        own = asked.system_instruction
        self._own_instruction = own or ""
        self._instruction = PROMPT.text if own is None else own
        self._messages = [
            {"role": "system", "content": self._instruction},
            {"role": "user", "content": asked.message},
        ]
        output_tokens = DEFAULT_OUTPUT_TOKENS if asked.max_tokens is None else asked.max_tokens
        self.limits = Limits(_limit_bytes(self._messages), output_tokens)
        self.temperature = TEMPERATURE if asked.temperature is None else asked.temperature
        self.prompt_version = PROMPT.version if own is None else None

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the instruction and the text."""
        del material
        return self._messages

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the fields that the client reads."""
        return told(generated.text, prompt=self._instruction, own_instructions=self._own_instruction)


def _limit_bytes(messages: Sequence[Message]) -> int:
    size = len(json.dumps(messages, ensure_ascii=False).encode())
    if size > MAX_TEXTS_BYTES:
        raise PayloadTooLarge(
            f"message and systemInstruction are too large: at most {MAX_TEXTS_BYTES} bytes are taken."
        )
    return size + OVERHEAD_BYTES
