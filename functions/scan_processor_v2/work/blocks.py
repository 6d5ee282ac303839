"""The open blocks of a scan: each is scored by the model, or by rules if the model is not available."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from functions.scan_processor_v2.schemas import FUNCTION
from functions.scan_processor_v2.scoring.block_task import block_task, by_rules
from functions.scan_processor_v2.store import Block, Lease, ScanStore
from shared.ai import Call, Reply
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.errors import (
    ContentRefused,
    DeadlineExceeded,
    InsufficientCoins,
    InsufficientEnergy,
    NexscoutError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestInProgress,
    SpendCapReached,
    UpgradeRequired,
)
from shared.log import log_event
from shared.services import Services
from shared.supabase.auth import Caller

BLOCK_SECONDS = 120.0
"""The limit for one block; the hold of a worker that died blocks it for little longer."""

TWIN_SECONDS = 2.0
"""The pause before a block is tried again while another process holds energy for it."""

REST_REFUSED = (InsufficientEnergy, InsufficientCoins, SpendCapReached, UpgradeRequired)
"""Errors that the next blocks would get as well: the rest of the scan is scored by rules."""

UNAVAILABLE = (*REST_REFUSED, ProviderError, ContentRefused)
"""Errors for which a block is scored by rules."""

BUSY_SECONDS = 60.0
"""How long a provider may be busy, or its circuit open, before blocks are scored by rules."""


class BlockWork:
    """The work of one process on the blocks of one scan.

    `done` counts finished blocks; `wait_seconds` is the longest wait that a block needs since it was last set to 0.
    """

    def __init__(self, lease: Lease, services: Services, store: ScanStore, deadline: Deadline) -> None:
        self._lease = lease
        self._services = services
        self._store = store
        self._deadline = deadline
        self._rest_refused_by: NexscoutError | None = None
        self._patience: Deadline | None = None
        self._models: Counter[str] = Counter()
        self.done = 0
        self.wait_seconds = 0.0

    def meta(self) -> dict[str, Any]:
        """Return the model that scored most blocks of this process."""
        model = self._models.most_common(1)
        return {"model": model[0][0] if model else None}

    async def do(self, block: Block) -> None:
        """Score a block and store its result, or leave it open for a later round.

        Raises:
            ServiceUnavailable: the database did not answer.
            InternalError: an internal error.
        """
        if self._rest_refused_by is not None:
            await self._by_rules(block, self._rest_refused_by)
            return
        try:
            reply = await self._services.orchestrator.run(self._call(block), self._context())
        except UNAVAILABLE as error:
            if isinstance(error, REST_REFUSED):
                self._rest_refused_by = error
            await self._by_rules(block, error)
        except (RateLimited, RequestInProgress) as error:
            # A killed worker's call still holds the block, or too many calls were made this minute.
            self.wait_seconds = max(self.wait_seconds, float(error.retry_after_seconds or 1))
        except ProviderUnavailable as error:
            await self._wait_or_score_by_rules(block, error)
        except DeadlineExceeded:
            log_event("scan.block_out_of_time", scan_id=self._lease.scan_id, ordinal=block.ordinal)
        else:
            await self._keep(reply)

    async def _wait_or_score_by_rules(self, block: Block, error: ProviderUnavailable) -> None:
        if self._patience is None:
            self._patience = Deadline.starting(BUSY_SECONDS)
        wait = float(error.retry_after_seconds or 1)
        if wait < self._patience.remaining():
            self.wait_seconds = max(self.wait_seconds, wait)
        else:
            await self._by_rules(block, error)

    async def _keep(self, reply: Reply) -> None:
        self._patience = None
        self._models[reply.model] += 1
        if reply.replayed:
            # It was charged, but the settlement could not store its row.
            await self._store_block(reply.body["scan"])
        else:
            self.done += 1

    async def _by_rules(self, block: Block, error: NexscoutError) -> None:
        reason = "provider_unavailable" if isinstance(error, ProviderError) else error.code
        await self._store_block(by_rules(self._lease.scan_id, block, reason))

    async def _store_block(self, block: Mapping[str, Any]) -> None:
        if await self._store.store_block(self._lease, block, Deadline.starting(10)):
            self.done += 1
        else:
            self.wait_seconds = max(self.wait_seconds, TWIN_SECONDS)

    def _call(self, block: Block) -> Call:
        """Return the block's call for the scan's owner; its idempotency key makes it the same call in every process."""
        key = f"scan:{self._lease.scan_id}:{block.ordinal}"
        owner = Caller("service", user_id=self._lease.user_id)
        task = block_task(self._lease.scan_id, block)
        return Call(FUNCTION, owner, task, key, hashlib.sha256(key.encode()).hexdigest())

    def _context(self) -> RequestContext:
        seconds = min(BLOCK_SECONDS, self._deadline.remaining())
        return RequestContext(uuid4(), str(self._lease.scan_id), Deadline.starting(seconds))
