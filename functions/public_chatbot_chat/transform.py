"""The rewriting of a text by an instruction, both the signed-in caller's own; nothing of it is kept as a chat."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functions.public_chatbot_chat.reply import told
from functions.public_chatbot_chat.schemas import FUNCTION, TransformRequest
from shared.ai.call import AICall, Generated
from shared.ai.models.selection import Wish
from shared.ai.prompt.template import Prompt
from shared.ai.provider.exchange import Message
from shared.errors import PayloadTooLarge
from shared.supabase.auth import Caller

PROMPT = Prompt.load(Path(__file__).parent / "prompts", "transform")

DEFAULT_OUTPUT_TOKENS = 4_000
TEMPERATURE = 0.3

MAX_TEXTS_BYTES = 100_000
OVERHEAD_BYTES = 256
"""JSON around the two messages."""


def transform_call(asked: TransformRequest, caller: Caller, key: str | None, body_hash: str) -> AICall:
    """Return the call of a text to be rewritten.

    Raises:
        PayloadTooLarge: text and instruction pass their limit.
    """
    instruction = PROMPT.text if asked.system_instruction is None else asked.system_instruction
    messages = [{"role": "system", "content": instruction}, {"role": "user", "content": asked.message}]
    return AICall(
        function_name=FUNCTION,
        action="ai_chatbot_response",
        caller=caller,
        wish=Wish(),
        build=lambda _configuration, _prospect: messages,
        shape=lambda generated: _reply(generated, instruction, asked),
        prompt_limit_bytes=_limit_bytes(messages),
        max_output_tokens=DEFAULT_OUTPUT_TOKENS if asked.max_tokens is None else asked.max_tokens,
        temperature=TEMPERATURE if asked.temperature is None else asked.temperature,
        prompt_version=PROMPT.version if asked.system_instruction is None else None,
        idempotency_key=key,
        body_hash=body_hash,
        configured=False,
    )


def _reply(generated: Generated, instruction: str, asked: TransformRequest) -> Mapping[str, Any]:
    return told(generated.text, prompt=instruction, own_instructions=asked.system_instruction or "")


def _limit_bytes(messages: Sequence[Message]) -> int:
    size = len(json.dumps(messages, ensure_ascii=False).encode())
    if size > MAX_TEXTS_BYTES:
        raise PayloadTooLarge(
            f"message and systemInstruction are too large: at most {MAX_TEXTS_BYTES} bytes are taken."
        )
    return size + OVERHEAD_BYTES
