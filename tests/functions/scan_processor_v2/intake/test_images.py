"""Images are recognised by their content: type and size from headers built here, and what is refused."""

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.scan_processor_v2.intake.images import MAX_BYTES, ImageType, checked_image
from shared.errors import InvalidRequest, PayloadTooLarge


def png(width: int, height: int) -> bytes:
    """Return a PNG's signature and header chunk."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def jpeg(width: int, height: int, frame: int = 0xC0, before: bytes = b"") -> bytes:
    """Return a JPEG up to its frame header, with other segments before it."""
    app0 = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9)
    return b"\xff\xd8" + app0 + before + bytes([0xFF, frame]) + struct.pack(">HBHHB", 11, 8, height, width, 1)


def webp(chunk: bytes, body: bytes) -> bytes:
    """Return a WebP file with its first chunk."""
    whole = b"WEBP" + chunk + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def lossy(width: int, height: int) -> bytes:
    """Return a lossy WebP."""
    return webp(b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height))


def lossless(width: int, height: int) -> bytes:
    """Return a lossless WebP: both sides less one in 14 bits each."""
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(5))


def extended(width: int, height: int) -> bytes:
    """Return a WebP with transparency or animation: both sides less one in 24 bits each."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes(4) + sides)


EXIF = b"\xff\xe1" + struct.pack(">H", 8) + b"Exif\0\0"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(1080, 2400), "png"),
        (jpeg(1080, 2400), "jpeg"),
        (jpeg(1080, 2400, frame=0xC2, before=EXIF), "jpeg"),
        (jpeg(1080, 2400, before=b"\xff\xff" + EXIF[1:]), "jpeg"),
        (lossy(1080, 2400), "webp"),
        (lossless(1080, 2400), "webp"),
        (extended(1080, 2400), "webp"),
    ],
)
def test_an_image_is_known_by_its_content(data: bytes, kind: str) -> None:
    """Type and size come from the header, whatever the file's name."""
    image = checked_image(data)
    assert (image.kind, image.width, image.height) == (kind, 1080, 2400)
    assert image.media_type == f"image/{kind}"


def test_a_real_image_is_taken() -> None:
    """The smallest real PNG with visible content, 8 by 8 pixels, is accepted."""
    data = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAC0lEQVR4nGNgGAgAAADIAAF8Y2l9AAAAAElFTkSuQmCC"
    )
    assert checked_image(data) == ImageType("png", 8, 8)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"GIF89a" + bytes(20),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"RIFF\x10\0\0\0WAVEfmt ",
    ],
)
def test_any_other_content_is_refused(data: bytes) -> None:
    """The error names the field and the allowed types."""
    with pytest.raises(InvalidRequest) as caught:
        checked_image(data)
    assert caught.value.message == "The image must be a PNG, JPEG or WebP file."
    assert caught.value.details == [
        {"field": "payload.image", "message": "The image must be a PNG, JPEG or WebP file"}
    ]


@pytest.mark.parametrize("whole", [png(100, 100), jpeg(100, 100), lossy(100, 100), extended(100, 100)])
def test_a_header_that_is_cut_off_is_refused(whole: bytes) -> None:
    """At every length the result is the size, or an error that the file is broken."""
    for length in range(len(whole)):
        try:
            assert checked_image(whole[:length]).width == 100
        except InvalidRequest as error:
            assert "image" in error.message  # noqa: PT017  # either outcome is right, no other is


@pytest.mark.parametrize(
    "bomb",
    [
        png(50_000, 50_000),
        png(2**31 - 1, 2**31 - 1),
        jpeg(65_000, 65_000),
        lossless(16_384, 16_384),
        png(20_000, 100),
    ],
)
def test_an_image_that_promises_too_many_pixels_is_refused(bomb: bytes) -> None:
    """A few bytes can stand for gigabytes: the header decides, nothing is decoded."""
    with pytest.raises(PayloadTooLarge, match="The image is too large"):
        checked_image(bomb)


def test_an_image_of_too_many_bytes_is_refused() -> None:
    """The error states the limit."""
    with pytest.raises(PayloadTooLarge, match="at most 8 MB"):
        checked_image(png(100, 100) + bytes(MAX_BYTES))


@pytest.mark.parametrize("size", [(0, 100), (1, 1), (7, 100)])
def test_an_image_too_small_to_show_anything_is_refused(size: tuple[int, int]) -> None:
    """An image with a size of zero is refused too."""
    with pytest.raises(InvalidRequest, match="broken or too small"):
        checked_image(png(*size))


STARTS = st.sampled_from(
    [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0WEBPVP8X", b""]
)


@given(STARTS, st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(start: bytes, rest: bytes) -> None:
    """No header causes another exception or an endless loop."""
    try:
        image = checked_image(start + rest)
    except (InvalidRequest, PayloadTooLarge):
        return
    assert image.width * image.height <= 40_000_000
