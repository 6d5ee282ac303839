"""The AI orchestrator's front door: what a feature needs to make a paid call, and nothing else.

A feature writes a `Task` and hands it over as a `Call`:

    Call            a task in the name of a caller, who pays; `Visitor` is who asks on a public page
    Task            what the call costs, reads, asks, checks, stores and replies, each with a default
    Limits          what bounds prompt and answer, and with them the energy and dollars that are held
    Reading         what is read of the caller's own; `Material` is what was read
    Message         one message of a prompt; `shared.ai.prompt` has what prompts are made of
    Structure       a JSON object that the model must return; `Part` is one of several that make it together
    Wish            the model that the caller asked for
    Generated       what the model delivered; `Generation` the row that keeps it
    Reply           the body that answers, with its status; `Event` is one of a stream
    MessageRefused  raised where moderation refused the caller's words
    Outcome         how the database ends a call of one of its functions, the same names as in SQL
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.ai.call import Call, Visitor
    from shared.ai.models.selection import Wish
    from shared.ai.moderation import MessageRefused
    from shared.ai.money.outcomes import Outcome
    from shared.ai.provider.exchange import Message
    from shared.ai.reply import Reply
    from shared.ai.stream import Event
    from shared.ai.task import Generated, Generation, Limits, Material, Part, Reading, Structure, Task

__all__ = [
    "Call", "Event", "Generated", "Generation", "Limits", "Material", "Message", "MessageRefused", "Outcome",
    "Part", "Reading", "Reply", "Structure", "Task", "Visitor", "Wish",
]  # fmt: skip

_ROOMS = {
    "Call": "call", "Event": "stream", "Message": "provider.exchange", "MessageRefused": "moderation",
    "Outcome": "money.outcomes", "Reply": "reply", "Visitor": "call", "Wish": "models.selection",
}  # fmt: skip
"""Where a name is from that is not from `task`."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
    """Return a name of the front door, whose room is imported with it: a room by itself brings no other."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"shared.ai.{_ROOMS.get(name, 'task')}"), name)
