"""The content shape as one call: its prompt, its check and its reply."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from functions.generate_ai_content.content_types.content_type import PROMPTS, Task
from functions.generate_ai_content.content_types.language import guide, language
from functions.generate_ai_content.content_types.request import ContentRequest
from functions.generate_ai_content.content_types.share import part
from shared.ai.call import Generated, Part, Structure
from shared.ai.prompt.knowledge import custom_instructions, preferred_tone, prospect_data, workspace_data
from shared.ai.prompt.model_json import bare
from shared.ai.prompt.template import fitted, walled
from shared.ai.provider.exchange import Message
from shared.ai.provider.strict_schema import strict_schema
from shared.errors import InvalidRequest, PayloadTooLarge
from shared.supabase.configuration import Configuration

INSTRUCTIONS_BYTES = 4_000
"""What is taken of the owner's own instructions."""

FIXED_PROMPT_BYTES = 56_000
"""The most that prompt and schema take beside the request's own words: everything else in them is cut to a budget."""

OWN_WORDS_BYTES = 48_000
"""The most that the request's own words may take as they are sent; with the rest they fit every model's context."""


class ContentCall:
    """One request for content; `build` comes before `parse`, which checks the result against what was shown."""

    def __init__(self, name: str, request: ContentRequest, task: Task) -> None:
        self.name = name
        self.request = request
        self.task = task
        self._shown: dict[str, Any] = {}

    def structure(self) -> Structure:
        """Return the structure that the model must hold to."""
        schema = strict_schema(self.task.output, self.task.counts)
        return Structure(self.name, schema, self.parse)

    def parts(self) -> Sequence[Part]:
        """Return the requests that write the result at the same time, none for a result that is written in one."""
        return [part(f"{self.name}_part", self.task.output, share) for share in self.task.shares]

    def prompt_limit_bytes(self) -> int:
        """Return a bound on the prompt, before configuration and prospect are known.

        Raises:
            PayloadTooLarge: the request's own words pass their limit.
        """
        # Quoted twice, as the data is on the wire: as JSON inside a message of the request's JSON.
        own = len(json.dumps(json.dumps(self._material(), ensure_ascii=False), ensure_ascii=False).encode())
        if own > OWN_WORDS_BYTES:
            raise PayloadTooLarge(f"The texts are too large: at most {OWN_WORDS_BYTES} bytes are taken.")
        return FIXED_PROMPT_BYTES + own

    def build(self, configuration: Configuration, prospect: Mapping[str, Any] | None) -> Sequence[Message]:
        """Return instructions and, behind the wall, the data they speak of.

        Raises:
            InvalidRequest: there is nothing to write from.
        """
        data = {**workspace_data(configuration), "prospect": prospect_data(prospect), **self._material()}
        self._shown = {name: value for name, value in data.items() if value is not None}
        if self.task.sources and not any(self._shown.get(name) for name in self.task.sources):
            raise _nothing_to_use(self.task.sources)
        return walled(self._instructions(configuration), self._shown)

    def parse(self, text: str) -> dict[str, Any]:
        """Validate a result and give the reply's `output`; raises ValueError when it is broken."""
        output = self.task.output.model_validate_json(bare(text))
        for name, count in self.task.counts.items():
            if len(getattr(output, name)) != count:
                raise ValueError(f"{name} must have {count} items")
        return self.task.finish(output, self._shown)

    def shape(self, generated: Generated) -> Mapping[str, Any]:
        """Return the reply's own fields."""
        output = generated.value or {}
        text = None if self.task.text is None else output[self.task.text]
        return {"output": output, "message": text, "content": text}

    def _material(self) -> dict[str, Any]:
        return {name: value for name, value in self.request.material().items() if value is not None}

    def _instructions(self, configuration: Configuration) -> str:
        request = self.request
        spoken = language(request.language, configuration)
        return self.task.prompt.fill(
            language=spoken,
            style=guide(PROMPTS, spoken),
            tone=request.tone or _short(preferred_tone(configuration)) or "friendly",
            channel=request.channel or "messenger",
            industry=request.industry or "the seller's own",
            persona=request.persona or "the seller",
            custom_instructions=fitted(custom_instructions(configuration), INSTRUCTIONS_BYTES) or "none",
            **self.task.variables,
        )


def _nothing_to_use(sources: Sequence[str]) -> InvalidRequest:
    wanted = " or ".join(sources)
    return InvalidRequest(
        f"There is nothing to write from: send '{sources[0]}', or fill in the workspace's {sources[-1]}.",
        details=[{"field": sources[0], "message": f"{wanted} is needed"}],
    )


def _short(text: str | None) -> str | None:
    """Return a setting of the workspace, which may hold anything, as long as a setting is."""
    return None if text is None else text[:200]
