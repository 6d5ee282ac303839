"""The prompt shapes as one call: a prompt answered as text, or as whatever JSON object it asks for."""

import json
from collections.abc import Mapping
from typing import Any

from functions.generate_ai_content.content_types.content_type import PROMPTS
from functions.generate_ai_content.requests.messages import (
    DEFAULT_OUTPUT_TOKENS,
    sent_bytes,
    text_reply,
)
from functions.generate_ai_content.requests.schemas import PromptRequest
from shared.ai.call import AICall, Generated, Generation, Structure
from shared.ai.models.selection import Wish
from shared.ai.prompt.model_json import object_of
from shared.ai.prompt.template import Prompt
from shared.errors import InvalidRequest
from shared.http.validation import parse
from shared.supabase.auth import Caller, check_owner

DEEP_INTEL = "deep_intel"
PROMPT = Prompt.load(PROMPTS, DEEP_INTEL)

# Any object: the prompt names the fields, so no strict schema can.
STRUCTURE = Structure(DEEP_INTEL, {"type": "object"}, object_of)
_STRUCTURE_BYTES = len(json.dumps(STRUCTURE.schema))


def prompt_call(function_name: str, body: Mapping[str, Any], caller: Caller) -> AICall:
    """Return the call of a body with a prompt; a job acts for the user that it names.

    Raises:
        NexscoutError: a field is wrong, or the call is asked for in somebody else's name.
    """
    request = parse(PromptRequest, body)
    deep = request.mode == DEEP_INTEL
    messages = _messages(request, deep=deep)
    return AICall(
        function_name=function_name,
        action="ai_deep_scan" if deep else "ai_message",
        caller=_owner(request, caller),
        wish=Wish(request.model),
        build=lambda _configuration, _prospect: messages,
        shape=_object_reply if deep else text_reply,
        prompt_limit_bytes=sent_bytes(messages) + _STRUCTURE_BYTES,
        max_output_tokens=DEFAULT_OUTPUT_TOKENS if request.max_tokens is None else request.max_tokens,
        temperature=request.temperature,
        structure=STRUCTURE if deep else None,
        prompt_version=PROMPT.version if deep else None,
        generation=Generation(DEEP_INTEL if deep else "prompt", {"shape": "prompt"}),
    )


def _owner(request: PromptRequest, caller: Caller) -> Caller:
    """Return the one who pays: the caller, or the user for whom the service key acts."""
    if caller.user_id is not None:
        check_owner("user_id", request.user_id, caller)
        return caller
    if request.user_id is None:
        raise InvalidRequest(
            "Missing field 'user_id': the service key acts for a user.",
            details=[{"field": "user_id", "message": "missing"}],
        )
    return Caller("service", str(request.user_id))


def _messages(request: PromptRequest, *, deep: bool) -> list[dict[str, str]]:
    instructions = [PROMPT.text] if deep else []
    if request.system_prompt is not None:
        instructions.append(request.system_prompt)
    system = [{"role": "system", "content": "\n\n".join(instructions)}] if instructions else []
    return [*system, {"role": "user", "content": request.prompt}]


def _object_reply(generated: Generated) -> Mapping[str, Any]:
    return {"output": generated.value, "message": None, "content": None}
