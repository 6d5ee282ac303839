"""An AI call as the orchestrator takes it: everything decided by the function, nothing yet by money or models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.ai.models.selection import Wish
from shared.ai.provider.exchange import Message
from shared.errors import NexscoutError
from shared.supabase.auth import Caller
from shared.supabase.configuration import Configuration

DEFAULT_RETRIES = 2

Prospect = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Structure:
    """A JSON object that the model must give; `parse` validates it and raises ValueError when it is broken."""

    name: str
    schema: Mapping[str, Any]
    parse: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One of several requests that write a result at the same time; its structure gives an object of lists.

    `instruction`, at most 400 bytes, follows the common messages.
    """

    instruction: str
    structure: Structure


@dataclass(frozen=True, slots=True)
class Generated:
    """What a call delivered: the text, and its parsed form where a structure was asked for."""

    text: str
    value: dict[str, Any] | None
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Generation:
    """The row of ai_generations that a delivered call leaves."""

    generation_type: str
    input_data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Visitor:
    """An anonymous visitor: the chat session, and the address hashed, by which limits count."""

    session_id: str
    address_hash: str


@dataclass(frozen=True, slots=True)
class Material:
    """What a prompt needs of the caller's own beside his configuration, in one database function called as the caller.

    Its answer holds `user_id`, which must be the caller's, and `prospect`, which is null where it is not his.
    """

    function: str
    arguments: Mapping[str, Any]


class TextFilter(Protocol):
    """What stands between a model's text and its reader, made anew for each text."""

    def add(self, text: str) -> str:
        """Take in the next piece and return what may leave of what has come; ContentRefused ends the call."""
        ...

    def end(self) -> str:
        """Return the rest; raises as `add` does."""
        ...


class Feature(Protocol):
    """What a feature does in the two transactions of its calls, beside the money."""

    def opening(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Return the database function that reserves for this feature, and its arguments."""
        ...

    def opened(self, answer: Mapping[str, Any]) -> None:
        """Take what that function gave, admitted or not."""
        ...

    def delivered(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the feature's rows for the settlement."""
        ...

    def failed(self, error: NexscoutError) -> Mapping[str, Any]:
        """Return the feature's rows for a release, which this error is the reason of."""
        ...


@dataclass(frozen=True, slots=True)
class AICall:
    """One call of an AI feature.

    `build` gives the messages once configuration and prospect are known; they may hold at most `prompt_limit_bytes`,
    which bounds the hold before they exist. Where there is `material`, `build` gets what was read in the prospect's
    place. `shape` turns what was delivered into the fields of the reply.
    Where there are `parts`, each is one request of at most `max_output_tokens`; `structure` checks their lists joined.
    `images` is how many `build` gives; their bytes are no part of the limit, each costs what the catalogue says.
    What is `moderated` is judged by the provider before a model reads it.
    A call that is not `configured` reads no configuration, and `build` gets an empty one.
    """

    function_name: str
    action: str
    caller: Caller
    wish: Wish
    build: Callable[[Configuration, Prospect | None], Sequence[Message]]
    shape: Callable[[Generated], Mapping[str, Any]]
    prompt_limit_bytes: int
    max_output_tokens: int
    temperature: float | None = None
    structure: Structure | None = None
    parts: Sequence[Part] = ()
    images: int = 0
    prompt_version: str | None = None
    prospect_id: str | None = None
    units: int = 1
    retries: int = DEFAULT_RETRIES
    retry_delay_seconds: float = 0.5
    paid_tiers_only: bool = False
    upgrade_sentence: str | None = None
    idempotency_key: str | None = None
    body_hash: str | None = None
    group_key: str | None = None
    generation: Generation | None = field(default=None)
    visitor: Visitor | None = None
    feature: Feature | None = None
    answer_filter: Callable[[], TextFilter] | None = None
    moderated: str | None = None
    configured: bool = True
    material: Material | None = None
