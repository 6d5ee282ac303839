"""Type and size of an image, read from its header only: nothing is decoded."""

from dataclasses import dataclass
from typing import Literal

from shared.errors import InvalidRequest, PayloadTooLarge

Kind = Literal["png", "jpeg", "webp"]

FIELD = "payload.image"
MAX_BYTES = 8_000_000
MAX_PIXELS = 40_000_000
"""A small file can declare a picture that fills any memory; a screenshot of a phone has 4 million pixels."""
MAX_SIDE = 16_000
MIN_SIDE = 8

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Frame headers with the size: all SOF but DHT (C4), JPG (C8) and DAC (CC). ITU-T T.81, table B.1.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset([0x01, *range(0xD0, 0xD9)])


@dataclass(frozen=True, slots=True)
class ImageType:
    """The type of an image by its content, and its width and height in pixels."""

    kind: Kind
    width: int
    height: int

    @property
    def media_type(self) -> str:
        """Return the media type."""
        return f"image/{self.kind}"


def checked_image(data: bytes, field: str = FIELD) -> ImageType:
    """Return the type of an image, by its content, never by its name.

    Raises:
        InvalidRequest: no PNG, JPEG or WebP, an invalid header, or too small to show anything.
        PayloadTooLarge: too many bytes or pixels.
    """
    if len(data) > MAX_BYTES:
        raise PayloadTooLarge(f"The image is too large: at most {MAX_BYTES // 1_000_000} MB.")
    size = _size(data)
    if size is None:
        raise _invalid("The image must be a PNG, JPEG or WebP file.", field)
    kind, width, height = size
    if min(width, height) < MIN_SIDE:
        raise _invalid("The image is broken or too small to show anything.", field)
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise PayloadTooLarge(
            f"The image is too large: {width} by {height} pixels, at most {MAX_PIXELS // 1_000_000} million in all"
            f" and {MAX_SIDE} a side."
        )
    return ImageType(kind, width, height)


def _size(data: bytes) -> tuple[Kind, int, int] | None:
    """Return kind, width and height (0 if the header is incomplete), or None for any other content."""
    if data.startswith(_PNG):
        return "png", *_png_size(data)
    if data.startswith(_JPEG):
        return "jpeg", *_jpeg_size(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp", *_webp_size(data)
    return None


def _png_size(data: bytes) -> tuple[int, int]:
    """Return the size in the IHDR chunk, which must be first. https://www.w3.org/TR/png-3/#11IHDR."""
    if data[12:16] != b"IHDR" or len(data) < 24:  # noqa: PLR2004  # signature, length, type, width, height
        return 0, 0
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Return the size in the frame header, which is found from marker to marker."""
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:  # noqa: PLR2004  # every marker begins with it
        marker = data[position + 1]
        if marker == 0xFF:  # noqa: PLR2004  # fill bytes may stand before a marker
            position += 1
        elif marker in _JPEG_BARE:
            position += 2
        elif marker in _JPEG_FRAMES:
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return int.from_bytes(width), int.from_bytes(height)
        else:
            position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4]))
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return the size in the first chunk: lossy, lossless or extended. https://developers.google.com/speed/webp/docs/riff_container."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:  # noqa: PLR2004  # the longest of the three headers
        return 0, 0
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L" and body[0] == 0x2F:  # noqa: PLR2004  # its signature
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return 0, 0


def _invalid(sentence: str, field: str) -> InvalidRequest:
    return InvalidRequest(sentence, details=[{"field": field, "message": sentence.rstrip(".")}])
