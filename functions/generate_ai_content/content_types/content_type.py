"""What a content type is: the request it takes, and the task that it makes of one."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from functions.generate_ai_content.content_types.request import ContentRequest, Language
from shared.ai.prompt.template import Prompt

PROMPTS = Path(__file__).parent.parent / "prompts"
LANGUAGES: tuple[str, ...] = get_args(Language)

Text = Annotated[str, Field(min_length=1)]
Request = TypeVar("Request", bound=ContentRequest)


class Output(BaseModel):
    """A result as the model must give it: exactly these fields, camelCase, no conversions of types."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


Finish = Callable[[Any, Mapping[str, Any]], dict[str, Any]]
"""Turns a result that holds to its schema, and the data that the model was shown, into the reply's `output`.

Raises ValueError for what a schema cannot say.
"""


def as_given(output: Output, _shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result as it is."""
    return output.model_dump(by_alias=True)


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a long result that one of several requests writes: so many items of its list.

    `numbers` gives, by field, the number that each of the items must carry, in their order.
    """

    instruction: str
    items: str
    numbers: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of content, as one request asks for it.

    `prompt` is filled with `variables` beside the common ones; `counts` fixes the length of lists of the result;
    `text` names the field of the output that is the text to use, None for results that are no text.
    A result with `shares` is written in as many requests at once, each of at most `max_output_tokens`.
    """

    action: str
    prompt: Prompt
    output: type[Output]
    max_output_tokens: int
    variables: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    finish: Finish = as_given
    text: str | None = None
    temperature: float = 0.8
    shares: Sequence[Share] = ()
    paid_sentence: str | None = None
    """What the free tier is told; None where every tier may ask."""
    sources: tuple[str, ...] = ()
    """Parts of the data of which one must be there: without them there is nothing to write from."""


@dataclass(frozen=True, slots=True)
class ContentType(Generic[Request]):
    """One generation type; `task` raises InvalidRequest for a request that asks for nothing that can be done."""

    name: str
    request: type[Request]
    task: Callable[[Request], Task]


def prompt(*names: str, folder: Path = PROMPTS) -> Prompt:
    """Load a prompt with the common rules before and after it; its version covers every language's guide."""
    loaded = Prompt.load(folder, *names, "language", "owner")
    guides = Prompt.load(folder, *(f"languages/{name}" for name in LANGUAGES))
    version = hashlib.sha256(f"{loaded.version} {guides.version}".encode()).hexdigest()[:12]
    return Prompt(loaded.text, version)
