"""Transform: a text is rewritten by an instruction, both from the signed-in caller; no conversation is stored."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functions.public_chatbot_chat.reply import answer_fields
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
    """A text that is rewritten by the caller's instruction or by the default one."""

    action = "ai_chatbot_response"
    reading = Reading(configuration=False)

    def __init__(self, request: TransformRequest) -> None:
        """Raise PayloadTooLarge if text and instruction exceed their limit."""
        instruction = request.system_instruction
        self._own_instruction = instruction or ""
        self._instruction = PROMPT.text if instruction is None else instruction
        self._messages = [
            {"role": "system", "content": self._instruction},
            {"role": "user", "content": request.message},
        ]
        output_tokens = DEFAULT_OUTPUT_TOKENS if request.max_tokens is None else request.max_tokens
        self.limits = Limits(_limit_bytes(self._messages), output_tokens)
        self.temperature = TEMPERATURE if request.temperature is None else request.temperature
        self.prompt_version = PROMPT.version if instruction is None else None

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the instruction and the text."""
        del material
        return self._messages

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the answer's fields of the reply."""
        return answer_fields(generated.text, prompt=self._instruction, own_instructions=self._own_instruction)


def _limit_bytes(messages: Sequence[Message]) -> int:
    size = len(json.dumps(messages, ensure_ascii=False).encode())
    if size > MAX_TEXTS_BYTES:
        raise PayloadTooLarge(
            f"message and systemInstruction are too large: at most {MAX_TEXTS_BYTES} bytes are taken."
        )
    return size + OVERHEAD_BYTES
