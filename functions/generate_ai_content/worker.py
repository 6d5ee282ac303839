"""The worker of jobs: requests with `Prefer: respond-async`, whose replies are stored."""

import logging
import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from functions.generate_ai_content.requests.request import call_of
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import InternalError, NexscoutError, RequestInProgress, ServiceUnavailable
from shared.jobs.store import Job
from shared.log import log_event
from shared.services import Services
from shared.supabase.auth import Caller

MAX_TRIES = 5

LEASE_MARGIN_SECONDS = 30
"""How much longer a lease lives than its work may take, and than the hold of a killed worker."""


async def work_on(message: Mapping[str, Any], services: Services, deadline: Deadline) -> None:
    """Do the job that a message names, unless another worker does.

    Raises:
        NexscoutError: it cannot be done now; its message must be delivered again.
    """
    lease_seconds = math.ceil(deadline.remaining()) + LEASE_MARGIN_SECONDS
    job = await services.jobs.claim(UUID(message["jobId"]), lease_seconds, deadline)
    if job is not None:
        await _do(job, services, deadline)


async def _do(job: Job, services: Services, deadline: Deadline) -> None:
    # The first try has the request id that the caller knows; each further try is another row in the ledger.
    request_id = job.id if job.tries == 1 else uuid4()
    context = RequestContext(request_id, str(job.id), deadline)
    try:
        status, reply = await _answer(job, services, context)
    except (ServiceUnavailable, RequestInProgress) as error:
        # Temporary: the message is delivered again after the lease has expired.
        log_event("job.postponed", level=logging.WARNING, job_id=job.id, code=error.code, tries=job.tries)
        raise
    answered = await services.jobs.finish(job, status, reply, Deadline.starting(10))
    fields = {**context.fields, "ms": round(context.elapsed_ms(), 1)}
    log_event(
        "job.finished", job_id=job.id, status=status, answered=answered, tries=job.tries, details=fields
    )


async def _answer(job: Job, services: Services, context: RequestContext) -> tuple[int, Mapping[str, Any]]:
    owner = Caller("service", user_id=job.user_id)
    # The key makes sure that a job is charged once: after a killed worker the next one finds the settled reply.
    key = f"job:{job.id}" if job.idempotency_key is None else job.idempotency_key
    try:
        if job.tries > MAX_TRIES:
            raise InternalError
        reply = await services.orchestrator.run(call_of(job.body, owner, key), context)
    except (ServiceUnavailable, RequestInProgress):
        raise
    except NexscoutError as error:
        return error.status, error.body(str(job.id))
    return reply.status, reply.body | {"requestId": str(job.id)}
