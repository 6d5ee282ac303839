"""What the model is asked about a block: records as data behind the wall, or the picture that is to be read."""

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
"""What a block's records may take as they are sent; with the rest they fit the context of every model that is asked."""

FIRST_CUT = 2_000


def records_prompt(records: Sequence[Record]) -> Sequence[Message]:
    """Return the question about people in records."""
    return walled(RECORDS.text, {"records": _fitting([shown(record) for record in records])})


def image_prompt(image: Mapping[str, str]) -> Sequence[Message]:
    """Return the question about the people in a picture, given as its content type and its data in base64."""
    system, data = walled(IMAGE.text, {"record": 0})
    return [system, with_image(data, image["type"], image["data"])]


def shown(record: Record) -> dict[str, Any]:
    """Return a record as the model sees it, always as data behind the wall: its number, its fields, its words.

    Evidence may stand in any of its strings; what rules have read already is there in the words it was read from.
    """
    name = details_of(record).found.get("name")
    fields = {key: value for key, value in record.fields.items() if value}
    told = {"name": name.words} if name is not None and "name" not in fields else {}
    return {"record": record.position} | told | fields | {"text": record.text}


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
