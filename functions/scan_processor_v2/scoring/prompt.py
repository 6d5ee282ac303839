"""What the model is asked about a block: records as data behind the wall, or the picture that is to be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.scan_processor_v2.reading.record import Record
from functions.scan_processor_v2.scoring.answer import (
    Answer,
    ImageAnswer,
    read_answer,
    read_image_answer,
    schema_of,
    shown,
)
from functions.scan_processor_v2.scoring.result import results
from functions.scan_processor_v2.store import StoredRecord
from shared.ai.call import Part, Structure
from shared.ai.delivery.deliverer import prompt_bytes
from shared.ai.prompt.template import Prompt, walled
from shared.ai.provider.exchange import Message
from shared.ai.provider.vision import with_image

RECORDS = Prompt.load(Path(__file__).parents[1] / "prompts", "records")
IMAGE = Prompt.load(Path(__file__).parents[1] / "prompts", "image")

NAME = "prospects"

PART_RECORDS = 10
"""Records that one request writes about: fifty at once would take minutes, and pass the output limit of the models."""

RECORDS_BYTES = 80_000
"""What a block's records may take as they are sent; with the rest they fit the context of every model that is asked."""

FIRST_CUT = 2_000


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the model; the structure's `parse` gives `items` as the database takes them, and `dropped`."""

    prompt: Prompt
    messages: Sequence[Message]
    structure: Structure
    parts: Sequence[Part] = ()
    images: int = 0

    def prompt_bytes(self) -> int:
        """Return the exact size of the prompt."""
        return prompt_bytes(self.messages, self.structure)


def ask_about(stored: Sequence[StoredRecord]) -> Ask:
    """Return the question about a stored block."""
    image = stored[0].get("image") if stored else None
    if image is not None:
        return _about_image(image)
    return _about_records([Record.from_json(record) for record in stored])


def _about_records(records: Sequence[Record]) -> Ask:
    def parse(text: str) -> dict[str, Any]:
        return _row(read_answer(text), records)

    messages = walled(RECORDS.text, {"records": _fitting([shown(record) for record in records])})
    return Ask(RECORDS, messages, Structure(NAME, schema_of(Answer), parse), _parts(records))


def _parts(records: Sequence[Record]) -> Sequence[Part]:
    """Return the requests that write about a few records each, at the same time; none where one is enough."""
    if len(records) <= PART_RECORDS:
        return ()
    return [_part(records[first : first + PART_RECORDS]) for first in range(0, len(records), PART_RECORDS)]


def _part(records: Sequence[Record]) -> Part:
    first, last = records[0].position, records[-1].position
    told = f"Answer only about the records {first} to {last}; others answer about the rest."
    return Part(told, Structure(NAME, schema_of(Answer), _part_answer))


def _part_answer(text: str) -> dict[str, Any]:
    return read_answer(text).model_dump(mode="json")


def _about_image(image: Mapping[str, str]) -> Ask:
    def parse(text: str) -> dict[str, Any]:
        answer = read_image_answer(text)
        # The evidence stands in what was read from the picture.
        return _row(answer, [Record(0, answer.transcript, source="image")])

    system, data = walled(IMAGE.text, {"record": 0})
    messages = [system, with_image(data, image["type"], image["data"])]
    return Ask(IMAGE, messages, Structure(NAME, schema_of(ImageAnswer), parse), images=1)


def _row(answer: Answer, records: Sequence[Record]) -> dict[str, Any]:
    found = results(answer.prospects, records)
    return {"items": [item.to_json() for item in found.items], "dropped": found.dropped}


def _fitting(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the records with their longest words cut until all fit; what is cut is read by rules all the same."""
    most = FIRST_CUT
    while prompt_bytes(walled("", {"records": records}), None) > RECORDS_BYTES and most > 1:
        most //= 2
        records = [
            {name: value[:most] if isinstance(value, str) else value for name, value in record.items()}
            for record in records
        ]
    return records
