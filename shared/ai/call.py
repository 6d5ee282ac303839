"""One call as the orchestrator takes it: who asks for which task, and under which key."""

from dataclasses import dataclass

from shared.ai.task import Task
from shared.supabase.auth import Caller


@dataclass(frozen=True, slots=True)
class Visitor:
    """An anonymous visitor: the chat session, and the address hashed, by which limits count."""

    session_id: str
    address_hash: str


@dataclass(frozen=True, slots=True)
class Call:
    """A task in the name of a caller, who pays for it; `visitor` is who really asks on a public page.

    Under an `idempotency_key` the task is done once; `body_hash` tells whether another body came under it.
    """

    function_name: str
    caller: Caller
    task: Task
    idempotency_key: str | None = None
    body_hash: str | None = None
    visitor: Visitor | None = None
