"""The scan functions for tests: called with the service key, one short line a call."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.sql.money import Answer, Money, Row, attempt

LEASE_SECONDS = 60
MOST_TRIES = 3


@dataclass(frozen=True)
class Running:
    """A scan that a worker has: its owner and its lease."""

    id: UUID
    user: UUID
    lease: int


@dataclass(frozen=True)
class Scans:
    """The scan functions, on the accounts of the money tests."""

    money: Money

    def make(self, user: UUID, status: str = "pending") -> UUID:
        """Create the row of a scan as the page does."""
        scan: UUID = self.money.value(
            "insert into public.scans (user_id, status) values (%s, %s) returning id", user, status
        )
        return scan

    def accept(self, scan: UUID, user: UUID | None = None, scan_type: str = "text") -> Answer:
        """Accept a scan."""
        return self.money.answer(
            "select public.scan_accept(%s, %s, %s, 'hash', %s)", scan, user, scan_type, LEASE_SECONDS
        )

    def add(self, scan: UUID, lease: int, *blocks: list[Row], first: int = 0) -> Answer:
        """Add blocks of records."""
        return self.money.answer(
            "select public.scan_add_blocks(%s, %s, %s, %s)", scan, lease, first, json.dumps(blocks)
        )

    def queue(self, scan: UUID, lease: int, **facts: object) -> Answer:
        """End the input."""
        return self.money.answer("select public.scan_queue(%s, %s, %s)", scan, lease, json.dumps(facts))

    def claim(self, scan: UUID, most_tries: int = MOST_TRIES) -> Answer:
        """Claim a scan as a worker does."""
        return self.money.answer("select public.scan_claim(%s, %s, %s)", scan, LEASE_SECONDS, most_tries)

    def open_blocks(self, scan: UUID, lease: int, after: int | None = None, limit: int = 10) -> Answer:
        """Return the next open blocks."""
        return self.money.answer("select public.scan_open_blocks(%s, %s, %s, %s)", scan, lease, after, limit)

    def renew(self, scan: UUID, lease: int) -> Answer:
        """Renew a lease."""
        return self.money.answer("select public.scan_renew(%s, %s, %s)", scan, lease, LEASE_SECONDS)

    def release(self, scan: UUID, lease: int) -> Answer:
        """Release a scan."""
        return self.money.answer("select public.scan_release(%s, %s)", scan, lease)

    def store(self, user: UUID, scan: UUID, ordinal: int, /, *items: Row, **values: object) -> Answer:
        """Store a block without a call."""
        return self.money.answer(
            "select public.scan_store_block(%s, %s)", user, json.dumps(block(scan, ordinal, *items, **values))
        )

    def hold(self, user: UUID, scan: UUID, ordinal: int, **overrides: object) -> UUID:
        """Reserve the call of a block: 15 energy of the class premium."""
        return self.money.held(
            user,
            **{
                "function_name": "scan-processor-v2",
                "action": "ai_scan",
                "idempotency_key": f"scan:{scan}:{ordinal}",
                "body_hash": "hash",
            }
            | overrides,
        )

    def settle(self, request: UUID, scan: UUID, ordinal: int, /, *items: Row, **values: object) -> Answer:
        """Settle the call of a block with its results."""
        found = block(scan, ordinal, *items, **({"scored_by": "model"} | values))
        return self.money.settle(request, attempt(), scan=found, model="gpt-4o")

    def finish(self, scan: UUID, lease: int, **meta: object) -> Answer:
        """Finish a scan."""
        return self.money.answer("select public.scan_finish(%s, %s, %s)", scan, lease, json.dumps(meta))

    def fail(
        self,
        scan: UUID,
        user: UUID | None = None,
        lease: int | None = None,
        sentence: str = "Nothing to read.",
    ) -> Answer:
        """Fail a scan."""
        return self.money.answer(
            "select public.scan_fail(%s, %s, 'invalid_request', %s, %s)", scan, user, sentence, lease
        )

    def requeue(self, older_than_seconds: int = 0, most_sends: int = 3) -> Answer:
        """Return which messages must be sent again."""
        return self.money.answer("select public.scan_requeue(%s, 1000, %s)", older_than_seconds, most_sends)

    def queued(self, user: UUID, blocks: int = 1, **facts: object) -> UUID:
        """Create a queued scan with blocks of one record each."""
        scan = self.make(user)
        lease = self.accept(scan)["lease"]
        self.add(scan, lease, *([record(place)] for place in range(blocks)))
        assert self.queue(scan, lease, **facts)["outcome"] == "queued"
        return scan

    def running(self, user: UUID, blocks: int = 1, **facts: object) -> Running:
        """Create a scan that a worker has claimed."""
        scan = self.queued(user, blocks, **facts)
        return self.claimed(scan, user)

    def claimed(self, scan: UUID, user: UUID) -> Running:
        """Claim a scan that must be available."""
        return Running(scan, user, self.claim(scan)["lease"])

    def lapse(self, scan: UUID) -> None:
        """Let the lease of a scan expire."""
        self.money.admin.execute(
            "update public.scan_jobs set lease_until = clock_timestamp() where scan_id = %s", [scan]
        )

    def job(self, scan: UUID) -> Row:
        """Return the job of a scan."""
        (row,) = self.money.rows("select * from public.scan_jobs where scan_id = %s", scan)
        return row

    def row(self, scan: UUID) -> Row:
        """Return the scan's own row."""
        (row,) = self.money.rows("select * from public.scans where id = %s", scan)
        return row

    def statuses(self, scan: UUID) -> list[tuple[str, int]]:
        """Return step and percentage of every row for pollers, oldest first."""
        return [
            (row["step"], row["percent"])
            for row in self.money.rows(
                "select step, percent from public.scan_status where scan_id = %s order by updated_at", scan
            )
        ]

    def items(self, scan: UUID) -> list[Row]:
        """Return the items of a scan in the order of their records."""
        return self.money.rows(
            """select * from public.scan_processed_items where scan_id = %s
               order by (metadata ->> 'position')::integer""",
            scan,
        )

    def prospects(self, user: UUID) -> list[Row]:
        """Return the prospects of a user, oldest first."""
        return self.money.rows(
            "select * from public.prospects where user_id = %s order by created_at, id", user
        )

    def known(self, user: UUID, **columns: object) -> UUID:
        """Create a prospect as a person enters it."""
        values: dict[str, Any] = {"full_name": "Somebody Else"} | columns
        prospect: UUID = self.money.value(
            f"""insert into public.prospects (user_id, {", ".join(values)})
                values (%s, {", ".join(["%s"] * len(values))}) returning id""",
            user,
            *values.values(),
        )
        return prospect


def record(position: int = 0, text: str = "Dina Santos — need extra income") -> Row:
    """Return a record in the form of scan_add_blocks."""
    return {"position": position, "text": text, "fields": {}, "source": "line"}


def item(name: str | None = "Dina Santos", score: int = 72, position: int = 0, **values: object) -> Row:
    """Return an item as it is stored; only differences are given."""
    bucket = "hot" if score >= 70 else "warm" if score >= 50 else "cold"
    return {
        "position": position,
        "name": name,
        "content": "need extra income",
        "score": score,
        "bucket": bucket,
        "confidence": 0.8,
        "email": None,
        "phone": None,
        "company": None,
        "top_factors": ["asks for income"],
        "pain_points": ["bills"],
        "interests": ["business"],
        "life_events": [],
        "sentiment": "positive",
        "opportunity_type": "income",
        "signals": [],
        "keywords": ["extra income"],
        "evidence": {"name": "Dina Santos"},
    } | values


def block(scan: UUID, ordinal: int, /, *items: Row, **values: object) -> Row:
    """Return a block as it is stored, scored by rules; with one item by default."""
    return {
        "scan_id": str(scan),
        "ordinal": ordinal,
        "scored_by": "rules",
        "items": list(items or (item(),)),
        "dropped": 0,
    } | values
