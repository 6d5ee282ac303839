"""Jobs: requests that are answered later, stored in the database with leases; a message to a worker names each."""

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
    """A claimed job; `tries` is the number of this claim."""

    id: UUID
    user_id: str
    body: dict[str, Any]
    idempotency_key: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job for its owner; `reply` and `status` are set while the answer of a done job is kept."""

    state: str
    reply: dict[str, Any] | None
    status: int | None


class JobQueue:
    """Stores jobs, leases them to workers, and keeps the answers for the owners."""

    def __init__(self, database: Database, queue: WorkQueue) -> None:
        self._database = database
        self._queue = queue

    async def enqueue(self, job: Mapping[str, Any], deadline: Deadline) -> UUID:
        """Store a job (id, user_id, function_name, body, body_hash, idempotency_key), notify a worker, return its id.

        Raises:
            IdempotencyConflict: the key was used before with another body.
        """
        answer = await self._database.as_service().rpc("ai_enqueue_job", {"p_job": json.dumps(job)}, deadline)
        match Outcome(answer["outcome"]):
            case Outcome.RESERVED:
                await self.notify(UUID(answer["id"]), deadline)
                return UUID(answer["id"])
            case Outcome.REPLAYED:
                return UUID(answer["id"])
            case Outcome.IDEMPOTENCY_CONFLICT:
                raise IdempotencyConflict
            case Outcome.UNKNOWN_ACCOUNT:
                raise Unauthorized
            case _:
                raise InternalError

    async def notify(self, job_id: UUID, deadline: Deadline) -> bool:
        """Send the message of a job to a worker; return whether it was sent."""
        return await self._queue.send({"jobId": str(job_id)}, deadline)

    async def claim(self, job_id: UUID, lease_seconds: int, deadline: Deadline) -> Job | None:
        """Lease a job, also one whose last lease has expired; return None if there is nothing to do."""
        arguments = {"p_job_id": str(job_id), "p_lease_seconds": lease_seconds}
        row = await self._database.as_service().rpc("ai_claim_job", arguments, deadline)
        if row is None:
            return None
        return Job(
            UUID(row["id"]), row["user_id"], json.loads(row["body"]), row["idempotency_key"], row["tries"]
        )

    async def finish(self, job: Job, status: int, reply: Mapping[str, Any], deadline: Deadline) -> bool:
        """Store the answer; return False if another worker has the lease now."""
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
            RequestNotFound: it does not exist or belongs to another user.
        """
        if caller.token is None or caller.user_id is None:
            raise Unauthorized
        row = await self._database.as_user(caller.token).find(
            "ai_jobs", {"id": str(job_id), "user_id": caller.user_id}, deadline, "state,reply,reply_status"
        )
        if row is None:
            raise RequestNotFound
        return JobState(row["state"], row["reply"], row["reply_status"])
