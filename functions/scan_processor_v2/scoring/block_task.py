"""One block of a scan as one AI task: its answer is checked against the records and stored as one row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from functions.scan_processor_v2.reading.record import Record
from functions.scan_processor_v2.schemas import ACTION
from functions.scan_processor_v2.scoring.answer import (
    Answer,
    ImageAnswer,
    ProspectAnswer,
    read_answer,
    read_image_answer,
    schema_of,
)
from functions.scan_processor_v2.scoring.prompt import IMAGE, RECORDS, image_prompt, records_prompt
from functions.scan_processor_v2.scoring.result import results
from functions.scan_processor_v2.scoring.rules import rule_items
from functions.scan_processor_v2.store import Block
from shared.ai import Generated, Limits, Material, Message, Part, Reading, Structure, Task
from shared.ai.prompt import prompt_bytes

NAME = "prospects"

PART_RECORDS = 10
"""Records per request: fifty would take minutes and exceed the output limit of the models."""

MAX_OUTPUT_TOKENS = 10_000
RETRIES = 1


class BlockTask(Task):
    """The people of a block of records."""

    action = ACTION
    reading = Reading(configuration=False)
    temperature = 0.0

    def __init__(self, scan_id: UUID, block: Block) -> None:
        self._scan_id = scan_id
        self._block = block
        self._messages, self.structure, images = self._question()
        self.limits = Limits(
            prompt_bytes(self._messages, self.structure), MAX_OUTPUT_TOKENS, images=images, retries=RETRIES
        )

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the prompt about the block."""
        del material
        return self._messages

    def rows(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the block's row; without an answer no row is stored, and the block stays open."""
        del tokens
        return self.reply(generated)

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the block's row, so that a replay can store it if the settlement could not."""
        return {"scan": _row(self._scan_id, self._block, "model") | (generated.value or {})}

    def _question(self) -> tuple[Sequence[Message], Structure, int]:
        """Return the messages, the structure of the answer, and how many images the messages carry."""
        records = [Record.from_json(stored) for stored in self._block.records]

        def check(text: str) -> dict[str, Any]:
            return _items(read_answer(text).prospects, records)

        self.prompt_version = RECORDS.version
        self.parts = _parts(records)
        return records_prompt(records), Structure(NAME, schema_of(Answer), check), 0


class ImageTask(BlockTask):
    """The people of a block that is an image."""

    def _question(self) -> tuple[Sequence[Message], Structure, int]:
        def check(text: str) -> dict[str, Any]:
            answer = read_image_answer(text)
            # The evidence is in the transcript.
            return _items(answer.prospects, [Record(0, answer.transcript, source="image")])

        self.prompt_version = IMAGE.version
        messages = image_prompt(self._block.records[0]["image"])
        return messages, Structure(NAME, schema_of(ImageAnswer), check), 1


def block_task(scan_id: UUID, block: Block) -> BlockTask:
    """Return the task of a stored block, of records or of an image."""
    is_image = bool(block.records) and block.records[0].get("image") is not None
    return (ImageTask if is_image else BlockTask)(scan_id, block)


def by_rules(scan_id: UUID, block: Block, reason: str) -> dict[str, Any]:
    """Return the row of a block that is scored by rules, with the reason."""
    # Rules cannot read an image, whose text is empty.
    records = [Record.from_json(stored) for stored in block.records]
    items = [item.to_json() for item in rule_items(records)]
    return {**_row(scan_id, block, "rules"), "items": items, "dropped": 0, "partial_reason": reason}


def _parts(records: Sequence[Record]) -> Sequence[Part]:
    """Return the parts of a block, each for a few records, or none if one request is enough."""
    if len(records) <= PART_RECORDS:
        return ()
    return [_part(records[first : first + PART_RECORDS]) for first in range(0, len(records), PART_RECORDS)]


def _part(records: Sequence[Record]) -> Part:
    def check(text: str) -> dict[str, Any]:
        return read_answer(text).model_dump(mode="json")

    first, last = records[0].position, records[-1].position
    instruction = f"Answer only about the records {first} to {last}; others answer about the rest."
    return Part(instruction, Structure(NAME, schema_of(Answer), check))


def _items(prospects: Iterable[ProspectAnswer], records: Sequence[Record]) -> dict[str, Any]:
    found = results(prospects, records)
    return {"items": [item.to_json() for item in found.items], "dropped": found.dropped}


def _row(scan_id: UUID, block: Block, scored_by: str) -> dict[str, Any]:
    return {"scan_id": str(scan_id), "ordinal": block.ordinal, "scored_by": scored_by}
