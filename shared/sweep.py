"""What is done each minute: the book-keeping of abandoned calls, and messages that were lost are sent again."""

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
"""Work that has waited so long for a worker is told again; of twin messages one finds the lease taken."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A kind of work: the function that lists what waits, under which name, and the field of its messages."""

    function: str
    name: str
    field: str
    queue: WorkQueue


async def sweep(
    services: Services, deadline: Deadline, lost_after_seconds: int = LOST_AFTER_SECONDS
) -> dict[str, Any]:
    """Do all of it once and give the counts; what cannot be done keeps nothing else from being done.

    Raises:
        ServiceUnavailable: something of it could not be done.
    """
    counts: dict[str, Any] = {}
    kinds = (
        Waiting("scan_requeue", "scans", "scanId", services.scan_queue),
        Waiting("ai_requeue_jobs", "jobs", "jobId", services.job_queue),
    )
    steps = [_keep_books(services, deadline)]
    steps += [_tell_again(kind, services, deadline, lost_after_seconds) for kind in kinds]
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


async def _tell_again(
    kind: Waiting, services: Services, deadline: Deadline, lost_after_seconds: int
) -> Mapping[str, Any]:
    arguments = {"p_older_than_seconds": lost_after_seconds}
    answer = await services.database.as_service().rpc(kind.function, arguments, deadline)
    told = [await kind.queue.tell({kind.field: each}, deadline) for each in answer[kind.name]]
    return {f"{kind.name}_told": sum(told), f"{kind.name}_given_up": answer["gave_up"]}
