"""The caller's own data for a prompt: a prospect, or the answer of the task's database function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.ai.task import Reading
from shared.deadline import Deadline
from shared.errors import InternalError, ProspectNotFound
from shared.supabase.auth import Caller
from shared.supabase.database import Database


@dataclass(frozen=True, slots=True)
class CallerData:
    """The prospect and the answer of the task's function, as far as the task reads them."""

    prospect: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


class CallerDataReader:
    """Reads with the caller's token; for the service, by a function that takes the verified owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, caller: Caller, reading: Reading, deadline: Deadline) -> CallerData:
        """Return what a task reads beside the configuration.

        Raises:
            ProspectNotFound: the prospect does not exist or belongs to another user.
            InternalError: the function's answer belongs to another user.
        """
        if reading.function is not None:
            return await self._answer(caller, reading, reading.function, deadline)
        if reading.prospect_id is None:
            return CallerData()
        prospect = await self._prospect(caller, reading.prospect_id, deadline)
        if prospect is None:
            raise ProspectNotFound
        return CallerData(prospect)

    async def _prospect(
        self, caller: Caller, prospect_id: str, deadline: Deadline
    ) -> Mapping[str, Any] | None:
        if caller.user_id is None:
            raise InternalError
        if caller.token is not None:
            # Filtered by owner as well: row-level security must not be the only check.
            owned = {"id": prospect_id, "user_id": caller.user_id}
            return await self._database.as_user(caller.token).find("prospects", owned, deadline)
        if caller.kind != "service":
            raise InternalError
        arguments = {"p_user_id": caller.user_id, "p_prospect_id": prospect_id}
        found: Mapping[str, Any] | None = await self._database.as_service().rpc(
            "ai_prospect_of", arguments, deadline
        )
        return found

    async def _answer(
        self, caller: Caller, reading: Reading, function: str, deadline: Deadline
    ) -> CallerData:
        if caller.token is None:
            raise InternalError
        answer = await self._database.as_user(caller.token).rpc(function, reading.arguments, deadline)
        # A second check, as for the configuration: even if a policy lets more through, only the caller's data is used.
        if not isinstance(answer, dict) or answer.get("user_id") != caller.user_id:
            raise InternalError
        if reading.prospect_id is not None and answer.get("prospect") is None:
            raise ProspectNotFound
        return CallerData(answer.get("prospect"), answer)
