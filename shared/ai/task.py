"""What a feature hands over for one AI call: what it costs, reads, asks, checks, stores and replies."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.ai.models.selection import Wish
from shared.ai.provider.exchange import Message
from shared.errors import NexscoutError
from shared.supabase.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a call, and with it the hold, before its prompt exists.

    `prompt_bytes` bounds messages and schema as JSON; `images` is how many the messages carry, each of which costs
    what the catalogue says and counts no bytes. With parts, `output_tokens` and `retries` are those of each part.
    """

    prompt_bytes: int
    output_tokens: int
    images: int = 0
    retries: int = 2
    retry_delay_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt needs of the caller's own: read while the energy is reserved.

    `function` is a database function, called as the caller; its answer holds `user_id`, which must be the caller's,
    and `prospect`, which is null where it is not his.
    """

    configuration: bool = True
    prospect_id: str | None = None
    function: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Material:
    """What was read: the configuration, empty where none was to be read, the prospect, and the function's answer."""

    configuration: Configuration
    prospect: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Structure:
    """A JSON object that the model must return; `parse` validates it and raises ValueError when it is broken."""

    name: str
    schema: Mapping[str, Any]
    parse: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One of several requests that write a result at the same time; its structure is an object of lists.

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


class TextFilter(Protocol):
    """What stands between a model's text and its reader, made anew for each text."""

    def add(self, text: str) -> str:
        """Take in the next piece and return what may leave of what has come; ContentRefused ends the call."""
        ...

    def end(self) -> str:
        """Return the rest; raises as `add` does."""
        ...


class Task(ABC):
    """The work of one call; the orchestrator reads it from top to bottom.

    A feature sets `action` and `limits` and says what is asked and how the reply looks; everything else has a
    default. One object serves one call, so it may keep what it has read for its later steps.
    """

    # What it costs: the action's price, times the units.
    action: str
    limits: Limits
    units: int = 1
    group_key: str | None = None
    """Calls under one key are charged once, as the action's price row says."""
    paid_sentence: str | None = None
    """What the free tier is told; None where every tier may ask."""

    # What it reads.
    reading: Reading = Reading()

    # What it asks.
    wish: Wish = Wish()
    temperature: float | None = None
    prompt_version: str | None = None
    moderated: str | None = None
    """What people wrote, judged by the provider before a model reads it."""

    # What it checks.
    structure: Structure | None = None
    parts: Sequence[Part] = ()
    """With parts, `structure` checks their lists joined."""

    # What it stores, beside the rows of the methods below.
    generation: Generation | None = None

    def opening(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Return the database function that reserves for this task, and its arguments."""
        return "ai_reserve", {"p_request": reservation}

    def opened(self, answer: Mapping[str, Any]) -> None:
        """Keep what that function returned, admitted or not."""
        del answer

    @abstractmethod
    def messages(self, material: Material) -> Sequence[Message]:
        """Return the messages for the model, within `limits`; raises NexscoutError where nothing can be asked."""

    def answer_filter(self) -> TextFilter | None:
        """Return what the model's text passes through, or None where all of it may leave."""
        return None

    def rows(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the rows that are stored with the settlement, by the name of their feature."""
        del generated, tokens
        return {}

    def rows_without_answer(self, error: NexscoutError) -> Mapping[str, Any]:
        """Return the rows that are stored with the release, which this error is the reason of."""
        del error
        return {}

    @abstractmethod
    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the reply's own fields."""
