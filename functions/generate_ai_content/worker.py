"""Works off what was asked for with `Prefer: respond-async`: the same calls, answered into the queue."""

import asyncio
import logging
import math
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from functions.generate_ai_content.calls import FUNCTION, ai_call
from shared.auth import Caller
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import InternalError, NexscoutError, RequestInProgress, ServiceUnavailable
from shared.jobs import Job
from shared.log import log_event
from shared.services import Services

JOBS_AT_ONCE = 4
MAX_TRIES = 5

LEASE_MARGIN_SECONDS = 30
"""How much longer a lease lives than its work may take, and than the hold of a worker that died."""


async def work(services: Services) -> int:
    """Do the jobs that wait, a few at once, and give how many were claimed."""
    budget = services.settings.job_timeout_seconds
    lease_seconds = math.ceil(budget) + LEASE_MARGIN_SECONDS
    deadline = Deadline.starting(budget)
    jobs = await services.jobs.claim(FUNCTION, JOBS_AT_ONCE, lease_seconds, deadline)
    await asyncio.gather(*(_do(job, services) for job in jobs))
    return len(jobs)


async def _do(job: Job, services: Services) -> None:
    deadline = Deadline.starting(services.settings.job_timeout_seconds)
    # The first try is the request that the caller was told of; a further one is another row in the ledger.
    request_id = job.id if job.tries == 1 else uuid4()
    context = RequestContext(request_id, str(job.id), deadline)
    try:
        status, reply = await _answer(job, services, context)
    except (ServiceUnavailable, RequestInProgress) as error:
        # Passing: the lease runs out and the job is claimed again.
        log_event("job.postponed", level=logging.WARNING, job_id=job.id, code=error.code, tries=job.tries)
        return
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
        reply = await services.orchestrator.run(ai_call(job.body, owner, key), context)
    except (ServiceUnavailable, RequestInProgress):
        raise
    except NexscoutError as error:
        return error.status, error.body(str(job.id))
    return reply.status, reply.body | {"requestId": str(job.id)}
