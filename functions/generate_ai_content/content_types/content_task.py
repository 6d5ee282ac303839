"""The base of all content types: the task of one request, from its prompt to its reply."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from functions.generate_ai_content.content_types.language import guide, language
from functions.generate_ai_content.content_types.output import Output
from functions.generate_ai_content.content_types.request import LANGUAGES, ContentRequest
from functions.generate_ai_content.content_types.share import Share, part
from shared.ai import Generated, Generation, Limits, Material, Message, Reading, Structure, Task
from shared.ai.prompt import (
    Prompt,
    bare,
    custom_instructions,
    fitted,
    preferred_tone,
    prospect_data,
    strict_schema,
    walled,
    workspace_data,
)
from shared.errors import InvalidRequest, PayloadTooLarge
from shared.supabase.configuration import Configuration

PROMPTS = Path(__file__).parent.parent / "prompts"

INSTRUCTIONS_BYTES = 4_000
"""The limit for the owner's own instructions."""

FIXED_PROMPT_BYTES = 56_000
"""The limit for prompt and schema without the request's own words; everything else in them is cut to a budget."""

OWN_WORDS_BYTES = 48_000
"""The limit for the request's own words as they are sent; with the rest they fit every model's context."""

RequestT = TypeVar("RequestT", bound=ContentRequest)
OutputT = TypeVar("OutputT", bound=Output)


def prompt(*names: str, folder: Path = PROMPTS) -> Prompt:
    """Return a prompt with the common rules; its version covers the guides of all languages."""
    loaded = Prompt.load(folder, *names, "language", "owner")
    guides = Prompt.load(folder, *(f"languages/{name}" for name in LANGUAGES))
    version = hashlib.sha256(f"{loaded.version} {guides.version}".encode()).hexdigest()[:12]
    return Prompt(loaded.text, version)


class ContentTask(Task, Generic[RequestT, OutputT]):
    """A content type; an object of it serves one request.

    A type defines its request, its prompt and the output that the model must return, and what depends on the request in
    `variables`, `counts`, `shares` and `finish`.
    """

    name: str
    request_model: type[RequestT]
    output_model: type[OutputT]
    prompt: Prompt
    output_tokens: int
    structure: Structure
    temperature: float | None = 0.8
    text: str | None = None
    """The field of the output that is the reply's text; None if the result is no text."""
    sources: tuple[str, ...] = ()
    """Parts of the data of which at least one must be present."""

    def __init__(self, request: RequestT) -> None:
        """Raise PayloadTooLarge if the request's own words exceed their limit."""
        self.request = request
        self.group_key = request.transaction_id
        self.reading = Reading(prospect_id=None if request.prospect_id is None else str(request.prospect_id))
        self.limits = Limits(FIXED_PROMPT_BYTES + own_words_bytes(self._own_words()), self.output_tokens)
        self.prompt_version = self.prompt.version
        self.structure = Structure(self.name, strict_schema(self.output_model, self.counts()), self.parse)
        self.parts = [part(f"{self.name}_part", self.output_model, share) for share in self.shares()]
        self.generation = Generation(self.name, request.choices())
        self._shown: dict[str, Any] = {}

    def variables(self) -> Mapping[str, str]:
        """Return the prompt's variables beside the common ones."""
        return {}

    def counts(self) -> Mapping[str, int]:
        """Return the required lengths of lists in the output, by field."""
        return {}

    def shares(self) -> Sequence[Share]:
        """Return the shares of a result that is too long for one request, else nothing."""
        return ()

    def finish(self, output: OutputT, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply's `output` from a result that matches its schema; `shown` is the data in the prompt.

        Raises:
            ValueError: the result breaks a rule that a schema cannot express.
        """
        del shown
        return output.model_dump(by_alias=True)

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the instructions and the data.

        Raises:
            InvalidRequest: none of the required data is present.
        """
        data = {
            **workspace_data(material.configuration),
            "prospect": prospect_data(material.prospect),
            **self._own_words(),
        }
        self._shown = {name: value for name, value in data.items() if value is not None}
        if self.sources and not any(self._shown.get(name) for name in self.sources):
            raise _missing_sources(self.sources)
        return walled(self._instructions(material.configuration), self._shown)

    def parse(self, text: str) -> dict[str, Any]:
        """Return the reply's `output`; raise ValueError if the model's text is invalid."""
        output = self.output_model.model_validate_json(bare(text))
        for name, count in self.counts().items():
            if len(getattr(output, name)) != count:
                raise ValueError(f"{name} must have {count} items")
        return self.finish(output, self._shown)

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the output, and its text in the fields that clients read."""
        output = generated.value or {}
        text = None if self.text is None else output[self.text]
        return {"output": output, "message": text, "content": text}

    def _own_words(self) -> dict[str, Any]:
        return {name: value for name, value in self.request.material().items() if value is not None}

    def _instructions(self, configuration: Configuration) -> str:
        request = self.request
        written_in = language(request.language, configuration)
        return self.prompt.fill(
            language=written_in,
            style=guide(PROMPTS, written_in),
            tone=request.tone or _short(preferred_tone(configuration)) or "friendly",
            channel=request.channel or "messenger",
            industry=request.industry or "the seller's own",
            persona=request.persona or "the seller",
            custom_instructions=fitted(custom_instructions(configuration), INSTRUCTIONS_BYTES) or "none",
            **self.variables(),
        )


def own_words_bytes(words: Mapping[str, Any]) -> int:
    """Return the size in bytes of a request's own words as they are sent; raise PayloadTooLarge over the limit."""
    # Escaped twice, as in the request: JSON data inside a message that is JSON.
    size = len(json.dumps(json.dumps(words, ensure_ascii=False), ensure_ascii=False).encode())
    if size > OWN_WORDS_BYTES:
        raise PayloadTooLarge(f"The texts are too large: at most {OWN_WORDS_BYTES} bytes are taken.")
    return size


def _missing_sources(sources: Sequence[str]) -> InvalidRequest:
    wanted = " or ".join(sources)
    return InvalidRequest(
        f"There is nothing to write from: send '{sources[0]}', or fill in the workspace's {sources[-1]}.",
        details=[{"field": sources[0], "message": f"{wanted} is needed"}],
    )


def _short(text: str | None) -> str | None:
    """Return a workspace's setting, cut to the length of a setting, because it may contain any text."""
    return None if text is None else text[:200]
