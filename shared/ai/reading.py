"""A caller's own rows for a prompt: his prospect, or what a task's database function returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.ai.task import Reading
from shared.deadline import Deadline
from shared.errors import InternalError, ProspectNotFound
from shared.supabase.auth import Caller
from shared.supabase.database import Database


@dataclass(frozen=True, slots=True)
class Read:
    """The prospect and the answer of the task's function, as far as they were asked for."""

    prospect: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


class Reader:
    """Reads as the caller; for the service, through a function that takes the verified owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, caller: Caller, reading: Reading, deadline: Deadline) -> Read:
        """Return what a task reads beside the configuration.

        Raises:
            ProspectNotFound: there is no such prospect, or it is another one's.
            InternalError: the answer is not the caller's.
        """
        if reading.function is not None:
            return await self._answer(caller, reading, reading.function, deadline)
        if reading.prospect_id is None:
            return Read()
        prospect = await self._prospect(caller, reading.prospect_id, deadline)
        if prospect is None:
            raise ProspectNotFound
        return Read(prospect)

    async def _prospect(
        self, caller: Caller, prospect_id: str, deadline: Deadline
    ) -> Mapping[str, Any] | None:
        if caller.user_id is None:
            raise InternalError
        if caller.token is not None:
            # By owner as well: row-level security is the second lock, not the only one.
            owned = {"id": prospect_id, "user_id": caller.user_id}
            return await self._database.as_user(caller.token).find("prospects", owned, deadline)
        if caller.kind != "service":
            raise InternalError
        arguments = {"p_user_id": caller.user_id, "p_prospect_id": prospect_id}
        found: Mapping[str, Any] | None = await self._database.as_service().rpc(
            "ai_prospect_of", arguments, deadline
        )
        return found

    async def _answer(self, caller: Caller, reading: Reading, function: str, deadline: Deadline) -> Read:
        if caller.token is None:
            raise InternalError
        answer = await self._database.as_user(caller.token).rpc(function, reading.arguments, deadline)
        # The second lock, as for the configuration: whatever the policies let through, only the caller's own is used.
        if not isinstance(answer, dict) or answer.get("user_id") != caller.user_id:
            raise InternalError
        if reading.prospect_id is not None and answer.get("prospect") is None:
            raise ProspectNotFound
        return Read(answer.get("prospect"), answer)
