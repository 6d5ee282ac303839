"""The prompt about a block: its records as data, or its image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functions.scan_processor_v2.reading.details import details_of
from functions.scan_processor_v2.reading.record import Record
from shared.ai import Message
from shared.ai.prompt import Prompt, prompt_bytes, walled, with_image

RECORDS = Prompt.load(Path(__file__).parents[1] / "prompts", "records")
IMAGE = Prompt.load(Path(__file__).parents[1] / "prompts", "image")

RECORDS_BYTES = 80_000
"""The limit for a block's records; with the rest of the prompt they fit into the context of every model."""

FIRST_CUT = 2_000


def records_prompt(records: Sequence[Record]) -> Sequence[Message]:
    """Return the prompt about people in records."""
    return walled(RECORDS.text, {"records": _fitting([record_data(record) for record in records])})


def image_prompt(image: Mapping[str, str]) -> Sequence[Message]:
    """Return the prompt about the people in an image, given as its content type and its data in base64."""
    system, data = walled(IMAGE.text, {"record": 0})
    return [system, with_image(data, image["type"], image["data"])]


def record_data(record: Record) -> dict[str, Any]:
    """Return the data of a record for the prompt: its position, its fields and its text.

    Evidence may be in any of its strings. A name that rules have read is added in its original words.
    """
    name = details_of(record).found.get("name")
    fields = {key: value for key, value in record.fields.items() if value}
    known = {"name": name.words} if name is not None and "name" not in fields else {}
    return {"record": record.position} | known | fields | {"text": record.text}


def _fitting(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the records with their longest strings cut until all fit; rules still read the whole records."""
    limit = FIRST_CUT
    while prompt_bytes(walled("", {"records": records}), None) > RECORDS_BYTES and limit > 1:
        limit //= 2
        records = [
            {name: value[:limit] if isinstance(value, str) else value for name, value in record.items()}
            for record in records
        ]
    return records
