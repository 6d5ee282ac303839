"""The AI orchestrator's front door: all that a feature needs to make a paid call.

A feature writes a `Task` and hands it over as a `Call`:

    Call            a task for a caller, who pays; `Visitor` is who writes on a public page
    Task            what the call costs, reads, asks, checks, stores and replies, each with a default
    Limits          what bounds prompt and answer, and with them the energy and dollars that are held
    Reading         which of the caller's data a task reads; `Material` is the data that was read
    Message         one message of a prompt; `shared.ai.prompt` has what prompts are made of
    Structure       a JSON object that the model must return; `Part` is one of several that make it together
    ModelPreference the model that the caller prefers
    Generated       what the model delivered; `Generation` the row that keeps it
    Reply           the body that answers, with its status; `Event` is one of a stream
    MessageRefused  raised where moderation refused the caller's words
    Outcome         how the database ends a call of one of its functions, the same names as in SQL
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.ai.call import Call, Visitor
    from shared.ai.models.selection import ModelPreference
    from shared.ai.moderation import MessageRefused
    from shared.ai.money.outcomes import Outcome
    from shared.ai.provider.exchange import Message
    from shared.ai.reply import Reply
    from shared.ai.stream import Event
    from shared.ai.task import Generated, Generation, Limits, Material, Part, Reading, Structure, Task

__all__ = [
    "Call",
    "Event",
    "Generated",
    "Generation",
    "Limits",
    "Material",
    "Message",
    "MessageRefused",
    "ModelPreference",
    "Outcome",
    "Part",
    "Reading",
    "Reply",
    "Structure",
    "Task",
    "Visitor",
]  # fmt: skip

_ROOMS = {
    "Call": "call", "Event": "stream", "Message": "provider.exchange", "MessageRefused": "moderation",
    "Outcome": "money.outcomes", "Reply": "reply", "Visitor": "call", "ModelPreference": "models.selection",
}  # fmt: skip
"""The room of each name that is not in `task`."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  # any of the classes
    """Return a name of the front door; its room is imported at this first use."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"shared.ai.{_ROOMS.get(name, 'task')}"), name)
