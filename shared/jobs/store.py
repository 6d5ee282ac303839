"""Requests that are answered later: they stand in the database, with leases; a message tells a worker of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.ai.money.outcomes import Outcome
from shared.deadline import Deadline
from shared.errors import IdempotencyConflict, InternalError, RequestNotFound, Unauthorized
from shared.jobs.queue import WorkQueue
from shared.supabase.auth import Caller
from shared.supabase.database import Database


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

    def __init__(self, database: Database, queue: WorkQueue) -> None:
        self._database = database
        self._queue = queue

    async def enqueue(self, job: Mapping[str, Any], deadline: Deadline) -> UUID:
        """Take a job (id, user_id, function_name, body, body_hash, idempotency_key) and give its id.

        Raises:
            IdempotencyConflict: the key was used before with another body.
        """
        answer = await self._database.as_service().rpc("ai_enqueue_job", {"p_job": json.dumps(job)}, deadline)
        match Outcome(answer["outcome"]):
            case Outcome.RESERVED:
                await self.tell(UUID(answer["id"]), deadline)
                return UUID(answer["id"])
            case Outcome.REPLAYED:
                return UUID(answer["id"])
            case Outcome.IDEMPOTENCY_CONFLICT:
                raise IdempotencyConflict
            case Outcome.UNKNOWN_ACCOUNT:
                raise Unauthorized
            case _:
                raise InternalError

    async def tell(self, job_id: UUID, deadline: Deadline) -> bool:
        """Send a worker the message of a job; False where it could not be sent."""
        return await self._queue.tell({"jobId": str(job_id)}, deadline)

    async def claim(self, job_id: UUID, lease_seconds: int, deadline: Deadline) -> Job | None:
        """Lease a job, also one whose worker has not come back; None where there is nothing to do."""
        arguments = {"p_job_id": str(job_id), "p_lease_seconds": lease_seconds}
        row = await self._database.as_service().rpc("ai_claim_job", arguments, deadline)
        if row is None:
            return None
        return Job(
            UUID(row["id"]), row["user_id"], json.loads(row["body"]), row["idempotency_key"], row["tries"]
        )

    async def waiting(self, older_than_seconds: int, deadline: Deadline) -> list[UUID]:
        """Return the jobs whose message must be lost, each once in that time; too many times is a failed job."""
        arguments = {"p_older_than_seconds": older_than_seconds}
        answer = await self._database.as_service().rpc("ai_requeue_jobs", arguments, deadline)
        return [UUID(job_id) for job_id in answer["jobs"]]

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
        """Return the state of a user's own job.

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
