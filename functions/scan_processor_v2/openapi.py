"""The OpenAPI document of the function."""

from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from functions.scan_processor_v2.routes import process_scan, router
from functions.scan_processor_v2.schemas import FUNCTION, ScanRequest
from shared.http.openapi.document import Description, Document, document_of, model_schemas
from shared.http.openapi.models import Count, ReplyShape, absent
from shared.http.openapi.operation import KEY, USER, Operation, reference, reply

AtLeastOne = Annotated[int, Field(ge=1)]


class Partial(ReplyShape):
    """Present if some blocks were scored by rules, because no model was available."""

    reason: Annotated[str, Field(description="insufficient_energy, provider_unavailable and the like.")]
    blocks_by_rules: AtLeastOne
    blocks: AtLeastOne


class ScanReply(ReplyShape):
    """The counts of a complete scan."""

    success: Literal[True]
    scan_id: UUID
    prospects_found: Annotated[Count, Field(description="People found; those known before are among them.")]
    hot: Annotated[Count, Field(description="Scores of 70 and above.")]
    warm: Annotated[Count, Field(description="Scores from 50 to 69.")]
    cold: Count
    partial: Partial = absent()
    meta: Annotated[dict[str, Any], Field(description="Blocks, duplicates, dropped values, energy and cost.")]


class ScanQueued(ReplyShape, extra="forbid"):
    """The scan waits for a worker, or is in work."""

    success: Literal[True]
    scan_id: UUID
    status: Literal["queued"]


PROCESS_SCAN = Operation(
    summary="Process a scan.",
    description="The row in `scans` is there before, and tells whose it is. A small scan is answered with its counts; "
    "a large one is queued, and its rows in `scan_status` tell how it goes, to `completed` or `failed`. A second call "
    "for the same scan starts nothing: 202 while it runs, the stored reply after. A scan that failed stays so.",
    body=ScanRequest.__name__,
    limit="At most 4.5 MB; larger input by `storagePath`: a CSV file of at most 50 MB, a text of 10 MB, an image of "
    "8 MB.",
    security=(*USER, KEY),
    replies={
        200: reply("The scan is complete.", reference("ScanReply")),
        202: reply("The scan is queued, or is being worked on.", reference("ScanQueued")),
        422: reply(
            "`scan_failed`: the scan has ended as failed, which is final; its own sentence says why.",
            reference("Error"),
        ),
    },
)

# Errors of single blocks are no errors of the reply: those blocks are scored by rules.
CODES_OF_OTHERS = frozenset(
    {
        "unknown_generation_type", "unknown_action", "unknown_model", "unknown_price", "insufficient_energy",
        "insufficient_coins", "spend_cap_reached", "upgrade_required", "forbidden", "prospect_not_found",
        "session_not_found", "chatbot_not_found", "conversation_not_found", "request_not_found",
        "idempotency_conflict", "request_in_progress", "content_refused", "rate_limited", "provider_error",
        "provider_unavailable",
    }
)  # fmt: skip


@cache
def document() -> Document:
    """Return the document, built at the first request for it, so that no cold start waits for it."""
    return document_of(
        Description(
            name=FUNCTION,
            description="Pasted text, CSV files and images turned into scored prospects. Energy is charged for each "
            "block of up to 50 records that a model scored, never for what rules scored.",
            router=router,
            operations={process_scan: PROCESS_SCAN},
            schemas=model_schemas([ScanRequest], [ScanReply, ScanQueued]),
            codes_of_others=CODES_OF_OTHERS,
        )
    )
