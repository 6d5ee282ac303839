"""Scans in the database: calls of SQL functions and the meaning of their outcomes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.ai import Outcome
from shared.deadline import Deadline
from shared.errors import InternalError, ScanNotFound
from shared.supabase.database import Database

StoredRecord = Mapping[str, Any]


class LeaseLost(Exception):  # noqa: N818  # what happened, as the other errors
    """Another worker has the scan now, or it has ended: this process must stop its work."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a scan; a lease with a higher `number` replaces it."""

    scan_id: UUID
    user_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A scan that a caller requests; without a user id it is the owner's in its row."""

    scan_id: UUID
    user_id: str | None
    scan_type: str
    input_hash: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The state of a requested scan, with a lease for the first caller.

    `state` is accepted, running, done or failed; a done one has `reply`, a failed one `code` and `sentence`.
    """

    state: str
    lease: Lease | None = None
    reply: dict[str, Any] | None = None
    code: str | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """An open block: its number and its stored records."""

    ordinal: int
    records: Sequence[StoredRecord]


class ScanStore:
    """Stores scans, leases them and keeps their results, with the service key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, arrival: Arrival, lease_seconds: int, deadline: Deadline) -> Accepted:
        """Return a lease on a new scan, or the state of a known one.

        Raises:
            ScanNotFound: it does not exist or belongs to another user.
        """
        answer = await self._call(
            "scan_accept",
            {
                "p_scan_id": str(arrival.scan_id),
                "p_user_id": arrival.user_id,
                "p_scan_type": arrival.scan_type,
                "p_input_hash": arrival.input_hash,
                "p_lease_seconds": lease_seconds,
            },
            deadline,
        )
        match Outcome(answer["outcome"]):
            case Outcome.ACCEPTED:
                return Accepted("accepted", Lease(arrival.scan_id, answer["user_id"], answer["lease"]))
            case Outcome.RUNNING | Outcome.DONE | Outcome.FAILED as state:
                return Accepted(state.value, None, answer["reply"], answer["code"], answer["sentence"])
            case Outcome.SCAN_NOT_FOUND:
                raise ScanNotFound
            case _:
                raise InternalError

    async def add_blocks(
        self, lease: Lease, first_ordinal: int, blocks: Sequence[Sequence[StoredRecord]], deadline: Deadline
    ) -> None:
        """Store blocks of records with consecutive numbers; a repeat changes nothing."""
        arguments = {"p_first_ordinal": first_ordinal, "p_blocks": json.dumps(blocks)}
        await self._leased("scan_add_blocks", lease, arguments, deadline)

    async def queue(self, lease: Lease, facts: Mapping[str, int], deadline: Deadline) -> None:
        """Mark the intake as complete, so that workers may claim the scan."""
        await self._leased("scan_queue", lease, {"p_facts": json.dumps(facts)}, deadline)

    async def claim(
        self, scan_id: UUID, lease_seconds: int, max_tries: int, deadline: Deadline
    ) -> Lease | None:
        """Return a lease on a waiting scan or one with an expired lease, or None if there is nothing to do."""
        arguments = {
            "p_scan_id": str(scan_id),
            "p_lease_seconds": lease_seconds,
            "p_most_tries": max_tries,
        }
        answer = await self._call("scan_claim", arguments, deadline)
        match Outcome(answer["outcome"]):
            case Outcome.RUNNING:
                return Lease(scan_id, answer["user_id"], answer["lease"])
            case Outcome.IN_PROGRESS | Outcome.FAILED:
                return None
            case _:
                raise InternalError

    async def open_blocks(self, lease: Lease, after: int, limit: int, deadline: Deadline) -> list[Block]:
        """Return the open blocks with the lowest numbers above `after`."""
        arguments = {"p_after": after, "p_limit": limit}
        answer = await self._leased("scan_open_blocks", lease, arguments, deadline)
        return [Block(row["ordinal"], row["records"]) for row in answer["blocks"]]

    async def store_block(self, lease: Lease, block: Mapping[str, Any], deadline: Deadline) -> bool:
        """Store a block's result that no settlement stores; a block that is done does not change.

        Return False if a call for the block still holds energy: the block stays open then.
        """
        arguments = {"p_user_id": lease.user_id, "p_block": json.dumps(block)}
        answer = await self._call("scan_store_block", arguments, deadline)
        match Outcome(answer["outcome"]):
            case Outcome.STORED | Outcome.ALREADY_STORED:
                return True
            case Outcome.IN_PROGRESS:
                return False
            case _:
                raise LeaseLost

    async def renew(self, lease: Lease, lease_seconds: int, deadline: Deadline) -> None:
        """Extend the lease to `lease_seconds` from now."""
        await self._leased("scan_renew", lease, {"p_lease_seconds": lease_seconds}, deadline)

    async def release(self, lease: Lease, deadline: Deadline) -> None:
        """Return the scan to the queue for another worker."""
        await self._leased("scan_release", lease, {}, deadline)

    async def finish(
        self, lease: Lease, meta: Mapping[str, Any], deadline: Deadline
    ) -> dict[str, Any] | None:
        """Complete a scan and return its reply, or None while a block is open; a repeat returns the same reply."""
        answer = await self._leased("scan_finish", lease, {"p_meta": json.dumps(meta)}, deadline)
        match Outcome(answer["outcome"]):
            case Outcome.DONE:
                reply: dict[str, Any] = answer["reply"]
                return reply
            case Outcome.BLOCKS_OPEN:
                return None
            case _:
                raise LeaseLost

    async def fail(self, lease: Lease, code: str, sentence: str, deadline: Deadline) -> None:
        """End a scan as failed, with a sentence for its owner; one that has ended does not change."""
        arguments = {"p_user_id": lease.user_id, "p_code": code, "p_sentence": sentence}
        await self._leased("scan_fail", lease, arguments, deadline)

    async def _leased(
        self, function: str, lease: Lease, arguments: Mapping[str, Any], deadline: Deadline
    ) -> Any:  # noqa: ANN401  # the function's answer
        """Return the answer of a function that needs the lease; raise LeaseLost without it."""
        named = {"p_scan_id": str(lease.scan_id), "p_lease": lease.number, **arguments}
        answer = await self._call(function, named, deadline)
        if Outcome(answer["outcome"]) in {Outcome.LEASE_LOST, Outcome.SCAN_NOT_FOUND}:
            raise LeaseLost
        return answer

    async def _call(self, function: str, arguments: Mapping[str, Any], deadline: Deadline) -> Any:  # noqa: ANN401
        return await self._database.as_service().rpc(function, arguments, deadline)
