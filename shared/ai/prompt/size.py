"""The size of a prompt as it is sent."""

import json
from collections.abc import Sequence

from shared.ai.provider.exchange import Message
from shared.ai.provider.vision import words_of
from shared.ai.task import Structure


def prompt_bytes(messages: Sequence[Message], structure: Structure | None) -> int:
    """Return the size in bytes of messages and schema as JSON, without the data of images."""
    schema = None if structure is None else structure.schema
    return len(json.dumps([words_of(messages), schema], ensure_ascii=False).encode())
