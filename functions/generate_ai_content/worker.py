"""Works off what was asked for with `Prefer: respond-async`: the same calls, answered into the queue."""

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
"""How much longer a lease lives than its work may take, and than the hold of a worker that died."""


async def work_on(message: Mapping[str, Any], services: Services, deadline: Deadline) -> None:
    """Do the job that a message names, unless somebody else does.

    Raises:
        NexscoutError: it cannot be done now; its message must come again.
    """
    lease_seconds = math.ceil(deadline.remaining()) + LEASE_MARGIN_SECONDS
    job = await services.jobs.claim(UUID(message["jobId"]), lease_seconds, deadline)
    if job is not None:
        await _do(job, services, deadline)


async def _do(job: Job, services: Services, deadline: Deadline) -> None:
    # The first try is the request that the caller was told of; a further one is another row in the ledger.
    request_id = job.id if job.tries == 1 else uuid4()
    context = RequestContext(request_id, str(job.id), deadline)
    try:
        status, reply = await _answer(job, services, context)
    except (ServiceUnavailable, RequestInProgress) as error:
        # Passing: the message comes again, when the lease has run out.
        log_event("job.postponed", level=logging.WARNING, job_id=job.id, code=error.code, tries=job.tries)
        raise
    answered = await services.jobs.finish(job, status, reply, Deadline.starting(10))
    fields = {**context.fields, "ms": round(context.elapsed_ms(), 1)}
    log_event(
        "job.finished", job_id=job.id, status=status, answered=answered, tries=job.tries, details=fields
    )


async def _answer(job: Job, services: Services, context: RequestContext) -> tuple[int, Mapping[str, Any]]:
    owner = Caller("service", user_id=job.user_id)
    # Its own key makes a job whose worker died charge once: the next worker finds the settled reply.
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
