"""A task: what a feature hands over for one AI call."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.ai.models.selection import ModelPreference
from shared.ai.provider.exchange import Message
from shared.errors import NexscoutError
from shared.supabase.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a call, which the hold is computed from before the prompt exists.

    `prompt_bytes` is the maximum of messages and schema as JSON; `images` is the maximum number of images, which count
    no bytes but tokens of the catalogue. `output_tokens` and `retries` apply to each part.
    """

    prompt_bytes: int
    output_tokens: int
    images: int = 0
    retries: int = 2
    retry_delay_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """Which of the caller's data a task reads, while the energy is reserved.

    `function` is a database function, called with the caller's token. Its answer has `user_id`, which must be the
    caller's, and `prospect`, which is null if the caller does not own it.
    """

    configuration: bool = True
    prospect_id: str | None = None
    function: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Material:
    """The data that was read: the configuration (empty if the task reads none), the prospect, the function's answer."""

    configuration: Configuration
    prospect: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Structure:
    """A JSON object that the model must return; `parse` validates it and raises ValueError if it is invalid."""

    name: str
    schema: Mapping[str, Any]
    parse: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One of several simultaneous requests that write a result; its structure is an object of lists.

    `instruction`, at most 400 bytes, follows the common messages.
    """

    instruction: str
    structure: Structure


@dataclass(frozen=True, slots=True)
class Generated:
    """What a call delivered: the text, and its parsed value if the task has a structure."""

    text: str
    value: dict[str, Any] | None
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Generation:
    """The row of ai_generations that a delivered call stores."""

    generation_type: str
    input_data: Mapping[str, Any]


class TextFilter(Protocol):
    """A filter between a model's text and its reader; each text gets a new one."""

    def add(self, text: str) -> str:
        """Add the next chunk and return the text that may be shown so far; raise ContentRefused to end the call."""
        ...

    def end(self) -> str:
        """Return the rest; raise as `add` does."""
        ...


class Task(ABC):
    """The work of one call, in the order in which the orchestrator uses it.

    A feature sets `action` and `limits`, and defines `messages` and `reply`; everything else has a default. One object
    serves one call, so it may keep data for its later steps.
    """

    # What it costs: the action's price, times the units.
    action: str
    limits: Limits
    units: int = 1
    group_key: str | None = None
    """Calls with the same key are charged once, as the action's price row says."""
    upgrade_message: str | None = None
    """The error message for the free tier; None if every tier may use the task."""

    # What it reads.
    reading: Reading = Reading()

    # What it asks.
    preference: ModelPreference = ModelPreference()
    temperature: float | None = None
    prompt_version: str | None = None
    moderated: str | None = None
    """What people wrote: moderated before a model reads it."""

    # What it checks.
    structure: Structure | None = None
    parts: Sequence[Part] = ()
    """With parts, `structure` validates their joined lists."""

    # What it stores, beside the rows of the methods below.
    generation: Generation | None = None

    def reserve_function(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Return the name and arguments of the database function that reserves for this task."""
        return "ai_reserve", {"p_request": reservation}

    def reserved(self, answer: Mapping[str, Any]) -> None:
        """Receive that function's answer, whether or not the call was admitted."""
        del answer

    @abstractmethod
    def messages(self, material: Material) -> Sequence[Message]:
        """Return the messages for the model, within `limits`; raise NexscoutError if there is nothing to ask."""

    def answer_filter(self) -> TextFilter | None:
        """Return a new filter for the model's text, or None if all of it may be shown."""
        return None

    def rows(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the rows that the settlement stores, by feature."""
        del generated, tokens
        return {}

    def rows_without_answer(self, error: NexscoutError) -> Mapping[str, Any]:
        """Return the rows that the release stores; `error` is the reason for it."""
        del error
        return {}

    @abstractmethod
    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the task's own fields of the reply."""
