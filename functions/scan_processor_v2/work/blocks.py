"""One open block after the other: by the model, and by rules where the model cannot."""

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
"""The most that one block may take; the hold of a worker that died stands in the way for little longer."""

TWIN_SECONDS = 2.0
"""After how long a block is looked at again for which another process holds energy."""

USED_UP = (InsufficientEnergy, InsufficientCoins, SpendCapReached, UpgradeRequired)
"""What a next block would meet again: the rest of the scan is not asked for."""

NOT_TO_BE_HAD = (*USED_UP, ProviderError, ContentRefused)
"""Why a block is scored by rules."""

BUSY_SECONDS = 60.0
"""How long a provider may be busy, by its own word or by the breaker's, before its blocks are scored by rules."""


class BlockWork:
    """The blocks of one scan in one process, and what came of them.

    `wait_seconds` is the longest that a block asked to wait for since it was last set to 0.
    """

    def __init__(self, lease: Lease, services: Services, store: ScanStore, until: Deadline) -> None:
        self._lease = lease
        self._services = services
        self._store = store
        self._until = until
        self._used_up: NexscoutError | None = None
        self._patience: Deadline | None = None
        self._models: Counter[str] = Counter()
        self.done = 0
        self.wait_seconds = 0.0

    def meta(self) -> dict[str, Any]:
        """Return what this process can tell of the scan besides its counts."""
        model = self._models.most_common(1)
        return {"model": model[0][0] if model else None}

    async def do(self, block: Block) -> None:
        """Score a block and store what it gave, or leave it open for a later round.

        Raises:
            ServiceUnavailable: the database did not answer.
            InternalError: a fault of our own.
        """
        if self._used_up is not None:
            await self._by_rules(block, self._used_up)
            return
        try:
            reply = await self._services.orchestrator.run(self._call(block), self._context())
        except NOT_TO_BE_HAD as error:
            if isinstance(error, USED_UP):
                self._used_up = error
            await self._by_rules(block, error)
        except (RateLimited, RequestInProgress) as error:
            # A twin that was killed still holds the block, or too many calls were made this minute.
            self.wait_seconds = max(self.wait_seconds, float(error.retry_after_seconds or 1))
        except ProviderUnavailable as error:
            await self._wait_or_give_up(block, error)
        except DeadlineExceeded:
            log_event("scan.block_out_of_time", scan_id=self._lease.scan_id, ordinal=block.ordinal)
        else:
            await self._keep(reply)

    async def _wait_or_give_up(self, block: Block, error: ProviderUnavailable) -> None:
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
            # It was charged, and its rows could not be stored then.
            await self._stored(reply.body["scan"])
        else:
            self.done += 1

    async def _by_rules(self, block: Block, error: NexscoutError) -> None:
        reason = "provider_unavailable" if isinstance(error, ProviderError) else error.code
        await self._stored(by_rules(self._lease.scan_id, block, reason))

    async def _stored(self, block: Mapping[str, Any]) -> None:
        if await self._store.store_block(self._lease, block, Deadline.starting(10)):
            self.done += 1
        else:
            self.wait_seconds = max(self.wait_seconds, TWIN_SECONDS)

    def _call(self, block: Block) -> Call:
        """Return the block's call in the name of the scan's owner: one for each block, whoever makes it."""
        key = f"scan:{self._lease.scan_id}:{block.ordinal}"
        owner = Caller("service", user_id=self._lease.user_id)
        task = block_task(self._lease.scan_id, block)
        return Call(FUNCTION, owner, task, key, hashlib.sha256(key.encode()).hexdigest())

    def _context(self) -> RequestContext:
        seconds = min(BLOCK_SECONDS, self._until.remaining())
        return RequestContext(uuid4(), str(self._lease.scan_id), Deadline.starting(seconds))
