"""The tasks of the prompt shape: a prompt answered as text, or as a JSON object."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from functions.generate_ai_content.content_types.content_task import PROMPTS
from functions.generate_ai_content.requests.messages import (
    DEFAULT_OUTPUT_TOKENS,
    sent_bytes,
    text_reply,
)
from functions.generate_ai_content.requests.schemas import PromptRequest
from shared.ai import Generated, Generation, Limits, Material, Message, ModelPreference, Structure, Task
from shared.ai.prompt import Prompt, object_of
from shared.errors import InvalidRequest
from shared.http.validation import parse
from shared.supabase.auth import Caller, check_owner

DEEP_INTEL = "deep_intel"
PROMPT = Prompt.load(PROMPTS, DEEP_INTEL)

STRUCTURE = Structure(DEEP_INTEL, {"type": "object"}, object_of)
_STRUCTURE_BYTES = len(json.dumps(STRUCTURE.schema))


class PromptTask(Task):
    """The caller's own prompt, answered as text."""

    action = "ai_message"
    generation = Generation("prompt", {"shape": "prompt"})

    def __init__(self, request: PromptRequest) -> None:
        """Raise PayloadTooLarge if the prompt exceeds the limit of the shape."""
        system = self.instructions(request)
        start = [{"role": "system", "content": "\n\n".join(system)}] if system else []
        self._messages = [*start, {"role": "user", "content": request.prompt}]
        output_tokens = DEFAULT_OUTPUT_TOKENS if request.max_tokens is None else request.max_tokens
        self.limits = Limits(sent_bytes(self._messages) + _STRUCTURE_BYTES, output_tokens)
        self.preference = ModelPreference(request.model)
        self.temperature = request.temperature

    def instructions(self, request: PromptRequest) -> list[str]:
        """Return the instructions before the prompt."""
        return [] if request.system_prompt is None else [request.system_prompt]

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the instructions and the prompt."""
        del material
        return self._messages

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the text."""
        return text_reply(generated)


class DeepIntelTask(PromptTask):
    """A prompt that is answered as the JSON object it describes."""

    action = "ai_deep_scan"
    prompt_version = PROMPT.version
    # Any object: the prompt names the fields, so no strict schema can.
    structure = STRUCTURE
    generation = Generation(DEEP_INTEL, {"shape": "prompt"})

    def instructions(self, request: PromptRequest) -> list[str]:
        """Return our instructions, then the caller's."""
        return [PROMPT.text, *super().instructions(request)]

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the object."""
        return {"output": generated.value, "message": None, "content": None}


def prompt_task(body: Mapping[str, Any], caller: Caller) -> tuple[PromptTask, Caller]:
    """Return the task of a body with a prompt, and who pays: the caller, or the user that the service names.

    Raises:
        NexscoutError: a field is invalid, or another user is named.
    """
    request = parse(PromptRequest, body)
    kind = DeepIntelTask if request.mode == DEEP_INTEL else PromptTask
    return kind(request), _owner(request, caller)


def _owner(request: PromptRequest, caller: Caller) -> Caller:
    """Return who pays: the caller, or the user that the service acts for."""
    if caller.user_id is not None:
        check_owner("user_id", request.user_id, caller)
        return caller
    if request.user_id is None:
        raise InvalidRequest(
            "Missing field 'user_id': the service key acts for a user.",
            details=[{"field": "user_id", "message": "missing"}],
        )
    return Caller("service", str(request.user_id))
