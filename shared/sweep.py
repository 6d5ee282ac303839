"""The sweep of each minute: it ends expired holds and sends lost messages again."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.deadline import Deadline
from shared.errors import NexscoutError, ServiceUnavailable
from shared.jobs.queue import WorkQueue
from shared.log import log_event
from shared.metrics import print_sweep
from shared.services import Services

LOST_AFTER_SECONDS = 180
"""A message is sent again for work that waited this long; a duplicate does nothing, because the lease is taken."""


@dataclass(frozen=True, slots=True)
class WorkKind:
    """A kind of work: the function that lists what waits, its name there, and the field of its messages."""

    function: str
    name: str
    field: str
    queue: WorkQueue


async def sweep(
    services: Services, deadline: Deadline, lost_after_seconds: int = LOST_AFTER_SECONDS
) -> dict[str, Any]:
    """Run each step once and return the counts; a failed step does not stop the others.

    Raises:
        ServiceUnavailable: a step failed.
    """
    counts: dict[str, Any] = {}
    kinds = (
        WorkKind("scan_requeue", "scans", "scanId", services.scan_queue),
        WorkKind("ai_requeue_jobs", "jobs", "jobId", services.job_queue),
    )
    steps = [_keep_books(services, deadline)]
    steps += [_resend(kind, services, deadline, lost_after_seconds) for kind in kinds]
    whole = True
    for step in steps:
        try:
            counts |= await step
        except NexscoutError as error:
            log_event("sweep.failed", level=logging.ERROR, code=error.code)
            whole = False
    log_event("sweep.finished", details=counts)
    if (namespace := services.settings.metrics_namespace) is not None:
        print_sweep(namespace, counts, whole=whole)
    if not whole:
        raise ServiceUnavailable
    return counts


async def _keep_books(services: Services, deadline: Deadline) -> Mapping[str, Any]:
    counts: Mapping[str, Any] = await services.database.as_service().rpc("ai_sweep", {}, deadline)
    return counts


async def _resend(
    kind: WorkKind, services: Services, deadline: Deadline, lost_after_seconds: int
) -> Mapping[str, Any]:
    arguments = {"p_older_than_seconds": lost_after_seconds}
    answer = await services.database.as_service().rpc(kind.function, arguments, deadline)
    sent = [await kind.queue.send({kind.field: each}, deadline) for each in answer[kind.name]]
    return {f"{kind.name}_resent": sum(sent), f"{kind.name}_abandoned": answer["gave_up"]}
