"""What the simulated provider reads in images and in numbered records: only text that is in them."""

import base64
import json
import struct
from typing import Any

from functions.scan_processor_v2.scoring.answer import Answer, ImageAnswer, schema_of
from local.provider.images import seen_in
from local.provider.json_answer import fill
from local.provider.reading import Reading
from tests.functions.scan_processor_v2.pictures import png

LINES = "Maria Santos — kailangan ng extra income ngayon\nJose Cruz — nag-post ng birthday photos"


def message(url: str) -> dict[str, Any]:
    """Return a question with an image."""
    image = {"type": "image_url", "image_url": {"url": url}}
    return {"role": "user", "content": [{"type": "text", "text": '{"record": 0}'}, image]}


def records(*texts: str, asked: str = "") -> list[dict[str, Any]]:
    """Return numbered records from 7 on, as the scan sends them."""
    data = {"records": [{"record": 7 + place, "text": text} for place, text in enumerate(texts)]}
    return [
        {"role": "user", "content": json.dumps(data, ensure_ascii=False)},
        {"role": "system", "content": asked},
    ]


def jpeg(words: str) -> str:
    """Return a data URL of a JPEG file that contains only a comment."""
    comment = words.encode()
    data = b"\xff\xd8\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + b"\xff\xd9"
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def test_the_texts_of_a_png_and_of_a_jpeg_are_read() -> None:
    """The text chunk of a PNG and the comment of a JPEG are read; broken data contains nothing."""
    assert seen_in(message(png(LINES).url)) == LINES
    assert seen_in(message(jpeg(LINES))) == LINES
    assert seen_in(message("data:image/png;base64,!")) == ""
    assert seen_in({"role": "user", "content": "no picture"}) == ""


def test_an_image_is_transcribed_and_its_people_are_found() -> None:
    """Every line is copied exactly, and each person becomes one prospect, all of record 0."""
    answer = fill(schema_of(ImageAnswer), Reading.of([message(png(LINES).url)]))
    assert answer["transcript"] == LINES
    found = [(person["record"], person["name"]) for person in answer["prospects"]]
    assert found == [(0, "Maria Santos"), (0, "Jose Cruz")]


def test_numbered_records_are_answered_by_their_numbers() -> None:
    """Each record's contacts stay with it; values that a record does not have are empty."""
    texts = ("Maria Santos — text me at 0917 123 4567", "Jose Cruz — jose@example.com")
    people = fill(schema_of(Answer), Reading.of(records(*texts)))["prospects"]
    assert [(one["record"], one["name"], one["email"], one["phone"], one["company"]) for one in people] == [
        (7, "Maria Santos", "", "0917 123 4567", ""),
        (8, "Jose Cruz", "jose@example.com", "", ""),
    ]


def test_a_part_answers_the_records_it_was_asked_about() -> None:
    """A request for a part of the records gets answers for these records only."""
    asked = "Answer only about the records 8 to 8; others answer about the rest."
    people = fill(schema_of(Answer), Reading.of(records(*LINES.splitlines(), asked=asked)))["prospects"]
    assert [one["name"] for one in people] == ["Jose Cruz"]
