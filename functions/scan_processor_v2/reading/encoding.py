"""The bytes of a file as lines of text, in bounded memory.

UTF-8 and UTF-16 are recognised by byte order marks and by their form; a line that is no UTF-8 is Windows-1252, as Excel
writes it. So a file that mixes both is read without loss. A detector was tried: on short lists
charset-normalizer 3.5 took "Niño Peña" in Windows-1252 for Big5 or for Windows-1250 in three of three cases.
"""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from shared.errors import InvalidRequest

FIELD = "payload"
MAX_LINE_BYTES = 1_000_000

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP file: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"%PDF": "a PDF: copy its text instead",
    b"\x89PNG": "an image: send it as one",
    b"\xff\xd8\xff": "an image: send it as one",
    b"GIF8": "an image: send a PNG, JPEG or WebP as one",
    b"\x1f\x8b": "a compressed file: unpack it first",
    b"SQLite": "a database",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
}
_SAMPLE = 4_096
_PART = 65_536


def text_lines(data: bytes | Iterable[bytes], field: str = FIELD) -> Iterator[str]:
    """Yield the lines of a file with their line ends; at most one line and one chunk are in memory.

    Raises:
        InvalidRequest: while reading: no text, an unknown encoding, or a line longer than 1 MB.
    """
    pieces = iter(_parts(data) if isinstance(data, bytes) else data)
    start = b""
    while len(start) < _SAMPLE and (piece := next(pieces, None)) is not None:
        start += piece
    _refuse_other_files(start, field)
    encoding = _wide_encoding(start)
    if encoding is not None:
        pieces = _as_utf8(chain([start], pieces), encoding, field)
    else:
        pieces = chain([start.removeprefix(codecs.BOM_UTF8)], pieces)
    for number, line in enumerate(_lines(pieces, field), 1):
        yield _text(line, number, field)


def whole_text(data: bytes, field: str = FIELD) -> str:
    """Return the whole text of a file; raises as `text_lines` does."""
    return "".join(text_lines(data, field))


def _parts(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _PART] for start in range(0, len(data), _PART))


def _refuse_other_files(start: bytes, field: str) -> None:
    for magic, what in _OTHER_FILES.items():
        if start.startswith(magic):
            raise unreadable(f"This is not a text file but {what}.", field)


def _wide_encoding(start: bytes) -> str | None:
    """Return the variant of UTF-16, by the byte order mark or by zero bytes at every other place, or None."""
    marked = _UTF16.get(start[:2])
    if marked is not None:
        return marked
    sample = start[: len(start) // 2 * 2]
    if len(sample) < 4 or b"\0" not in sample:  # noqa: PLR2004  # two letters
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > half * 0.7 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.7 and not odd else None


def _as_utf8(pieces: Iterable[bytes], encoding: str, field: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for piece in pieces:
            yield decoder.decode(piece).removeprefix("\ufeff").encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as exc:
        raise unreadable(
            "The file begins as UTF-16 and does not go on so: save it again as UTF-8.", field
        ) from exc


def _lines(pieces: Iterable[bytes], field: str) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        # A carriage return at the end may belong to a line feed in the next chunk.
        held = b"\r" if piece.endswith(b"\r") else b""
        text = (rest + piece).removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        if any(len(line) > MAX_LINE_BYTES for line in (*lines, rest)):
            raise unreadable("The file has a line of more than 1 MB: it is not a list of people.", field)
        yield from (line + b"\n" for line in lines)
        rest += held
    if rest:
        yield rest


def _text(line: bytes, number: int, field: str) -> str:
    if b"\0" in line:
        raise unreadable(f"Line {number} of the file holds null characters: it is not a text file.", field)
    try:
        return line.decode()
    except UnicodeDecodeError:
        try:
            return line.decode("cp1252")
        except UnicodeDecodeError as exc:
            raise unreadable(
                f"Line {number} of the file is in an unknown encoding: save it as UTF-8.", field
            ) from exc


def unreadable(sentence: str, field: str = FIELD) -> InvalidRequest:
    """Return the error for an unreadable input, with the field of the request."""
    return InvalidRequest(sentence, details=[{"field": field, "message": sentence.rstrip(".")}])
