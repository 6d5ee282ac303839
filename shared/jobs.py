"""Requests that are answered later: a queue in the database, with leases."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.auth import Caller
from shared.database import Database
from shared.deadline import Deadline
from shared.energy.outcomes import Outcome
from shared.errors import IdempotencyConflict, InternalError, RequestNotFound, Unauthorized


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job; `tries` counts the claims and names this one."""

    id: UUID
    user_id: str
    body: dict[str, Any]
    idempotency_key: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class JobState:
    """What its owner may know of a job; `reply` and `status` are there once it is done and until they are erased."""

    state: str
    reply: dict[str, Any] | None
    status: int | None


class JobQueue:
    """Takes jobs, leases them to workers and keeps their answers for their owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enqueue(self, job: Mapping[str, Any], deadline: Deadline) -> UUID:
        """Take a job (id, user_id, function_name, body, body_hash, idempotency_key) and give its id.

        Raises:
            IdempotencyConflict: the key was used before with another body.
        """
        answer = await self._database.as_service().rpc("ai_enqueue_job", {"p_job": json.dumps(job)}, deadline)
        match Outcome(answer["outcome"]):
            case Outcome.RESERVED | Outcome.REPLAYED:
                return UUID(answer["id"])
            case Outcome.IDEMPOTENCY_CONFLICT:
                raise IdempotencyConflict
            case Outcome.UNKNOWN_ACCOUNT:
                raise Unauthorized
            case _:
                raise InternalError

    async def claim(self, function: str, limit: int, lease_seconds: int, deadline: Deadline) -> list[Job]:
        """Lease the oldest open jobs of a function, also those whose worker has not come back."""
        arguments = {"p_function_name": function, "p_limit": limit, "p_lease_seconds": lease_seconds}
        rows = await self._database.as_service().rpc("ai_claim_jobs", arguments, deadline)
        return [
            Job(
                UUID(row["id"]), row["user_id"], json.loads(row["body"]), row["idempotency_key"], row["tries"]
            )
            for row in rows
        ]

    async def finish(self, job: Job, status: int, reply: Mapping[str, Any], deadline: Deadline) -> bool:
        """Store the answer; False when the lease has gone to another worker meanwhile."""
        arguments = {
            "p_job_id": str(job.id),
            "p_tries": job.tries,
            "p_status": status,
            "p_reply": json.dumps(reply),
        }
        return bool(await self._database.as_service().rpc("ai_finish_job", arguments, deadline))

    async def find(self, job_id: UUID, caller: Caller, deadline: Deadline) -> JobState:
        """Give the state of a user's own job.

        Raises:
            RequestNotFound: there is none of this id, or it is somebody else's.
        """
        if caller.token is None or caller.user_id is None:
            raise Unauthorized
        row = await self._database.as_user(caller.token).find(
            "ai_jobs", {"id": str(job_id), "user_id": caller.user_id}, deadline, "state,reply,reply_status"
        )
        if row is None:
            raise RequestNotFound
        return JobState(row["state"], row["reply"], row["reply_status"])
