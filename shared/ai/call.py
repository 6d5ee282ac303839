"""One call of the orchestrator: a task, its caller and its idempotency key."""

from dataclasses import dataclass

from shared.ai.task import Task
from shared.supabase.auth import Caller


@dataclass(frozen=True, slots=True)
class Visitor:
    """An anonymous visitor: the chat session and the hashed address, the two things that limits count by."""

    session_id: str
    address_hash: str


@dataclass(frozen=True, slots=True)
class Call:
    """A task for a caller, who pays for it; `visitor` is who wrote the message on a public page.

    A task with an `idempotency_key` is done once; `body_hash` detects another body under the same key.
    """

    function_name: str
    caller: Caller
    task: Task
    idempotency_key: str | None = None
    body_hash: str | None = None
    visitor: Visitor | None = None
