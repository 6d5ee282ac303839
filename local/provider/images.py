"""What the simulated model reads in an image: text that is stored in the file itself.

Nothing here reads pixels. A test, or a person who tries the scan, stores the words that a real model would read as PNG
text (tEXt) or as a JPEG comment; an image without them contains nothing.
"""

import base64
import binascii
import struct
from collections.abc import Iterator
from typing import Any

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_COMMENT = 0xFE
_SCAN_BEGINS = 0xDA


def seen_in(message: dict[str, Any]) -> str:
    """Return the words in all images of a message."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return "\n".join(words for part in parts for words in _words(_data(part)))


def _data(part: dict[str, Any]) -> bytes:
    image = part.get("image_url")
    url = image.get("url", "") if isinstance(image, dict) else ""
    try:
        return base64.b64decode(url.partition(";base64,")[2])
    except binascii.Error:
        return b""


def _words(data: bytes) -> Iterator[str]:
    if data.startswith(_PNG):
        for kind, chunk in _chunks(data):
            if kind == b"tEXt":
                yield chunk.partition(b"\x00")[2].decode("utf-8", "replace")
    elif data.startswith(_JPEG):
        for marker, segment in _segments(data):
            if marker == _COMMENT:
                yield segment.decode("utf-8", "replace")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG)
    while place + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        yield kind, data[place + 8 : place + 8 + size]
        place += 12 + size


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = len(_JPEG)
    while place + 4 <= len(data):
        _, marker, size = struct.unpack(">BBH", data[place : place + 4])
        if marker == _SCAN_BEGINS:
            return
        yield marker, data[place + 4 : place + 2 + size]
        place += 2 + size
