"""One block of a scan as one AI call, and the row that it becomes."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from functions.scan_processor_v2.reading.record import Record
from functions.scan_processor_v2.schemas import ACTION, FUNCTION
from functions.scan_processor_v2.scoring.prompt import ask_about
from functions.scan_processor_v2.scoring.rules import rule_items
from functions.scan_processor_v2.store import Block
from shared.ai.call import AICall, Generated, Prospect
from shared.ai.models.selection import Wish
from shared.ai.provider.exchange import Message
from shared.errors import NexscoutError
from shared.supabase.auth import Caller
from shared.supabase.configuration import Configuration

MAX_OUTPUT_TOKENS = 10_000
TEMPERATURE = 0.0
RETRIES = 1


class BlockCall:
    """The call of one block; its rows are stored with its settlement."""

    def __init__(self, scan_id: UUID, block: Block) -> None:
        self._scan_id = scan_id
        self._block = block
        self._ask = ask_about(block.records)

    def ai_call(self, owner: Caller) -> AICall:
        """Return the call in the name of the scan's owner: once for each block, whoever makes it."""
        key = f"scan:{self._scan_id}:{self._block.ordinal}"
        return AICall(
            function_name=FUNCTION,
            action=ACTION,
            caller=owner,
            wish=Wish(),
            build=self._build,
            shape=self._shape,
            prompt_limit_bytes=self._ask.prompt_bytes(),
            max_output_tokens=MAX_OUTPUT_TOKENS,
            temperature=TEMPERATURE,
            structure=self._ask.structure,
            parts=self._ask.parts,
            images=self._ask.images,
            prompt_version=self._ask.prompt.version,
            retries=RETRIES,
            idempotency_key=key,
            body_hash=hashlib.sha256(key.encode()).hexdigest(),
            feature=self,
            configured=False,
        )

    def opening(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Reserve as any call: whose scan it is, its lease tells."""
        return "ai_reserve", {"p_request": reservation}

    def opened(self, answer: Mapping[str, Any]) -> None:
        """Take nothing: the block is known."""

    def delivered(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the block's row."""
        del tokens
        return {"scan": self._row(generated)}

    def failed(self, error: NexscoutError) -> Mapping[str, Any]:
        """Return no row: the block stays open."""
        del error
        return {}

    def _build(self, configuration: Configuration, prospect: Prospect | None) -> Sequence[Message]:
        del configuration, prospect
        return self._ask.messages

    def _shape(self, generated: Generated) -> Mapping[str, Any]:
        return {"scan": self._row(generated)}

    def _row(self, generated: Generated) -> dict[str, Any]:
        return {**_row(self._scan_id, self._block, "model"), **(generated.value or {})}


def by_rules(scan_id: UUID, block: Block, reason: str) -> dict[str, Any]:
    """Return the row of a block that no model could score, marked with the reason."""
    # Of an image the rules can read nothing.
    records = [Record.from_json(stored) for stored in block.records]
    items = [item.to_json() for item in rule_items(records)]
    return {**_row(scan_id, block, "rules"), "items": items, "dropped": 0, "partial_reason": reason}


def _row(scan_id: UUID, block: Block, scored_by: str) -> dict[str, Any]:
    return {"scan_id": str(scan_id), "ordinal": block.ordinal, "scored_by": scored_by}
