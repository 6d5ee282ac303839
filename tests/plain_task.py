"""A task for tests: fixed messages, answered as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.ai import Generated, Limits, Material, Message, Task

HELLO: Sequence[Message] = ({"role": "user", "content": "Say hello to Maria."},)


class PlainTask(Task):
    """Asks the given messages; every other part of a task can be set, and else has its default."""

    action = "ai_message"
    limits = Limits(500, 300)

    def __init__(self, messages: Sequence[Message] = HELLO, **parts: Any) -> None:  # noqa: ANN401
        self.asked = messages
        for name, value in parts.items():
            assert hasattr(Task, name) or name in Task.__annotations__, name
            setattr(self, name, value)

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the given messages unchanged."""
        del material
        return self.asked

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return text and value."""
        return {"message": generated.text, "output": generated.value or {}}
