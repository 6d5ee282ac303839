"""Small PNG files with text for the simulated model, as a real model would read it in the image."""

import base64
import struct
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """One file."""

    data: bytes

    @property
    def base64(self) -> str:
        """Return it as plain base64."""
        return base64.b64encode(self.data).decode()

    @property
    def url(self) -> str:
        """Return it as a data URL."""
        return f"data:image/png;base64,{self.base64}"


def png(words: str, width: int = 64, height: int = 64) -> Picture:
    """Return a grey image with these words in a text chunk; its header may state a larger size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\x00" + b"\x80" * 64 for _ in range(64)))
    text = b"Comment\x00" + words.encode()
    parts = [_chunk(b"IHDR", head), _chunk(b"tEXt", text), _chunk(b"IDAT", rows), _chunk(b"IEND", b"")]
    return Picture(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
