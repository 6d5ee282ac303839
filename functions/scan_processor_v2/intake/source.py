"""Where the input of a scan comes from: the request itself, or a file in storage."""

import base64
import binascii
import re
import tempfile
from collections.abc import Iterator
from typing import IO

from functions.scan_processor_v2.schemas import Payload, ScanRequest
from shared.deadline import Deadline
from shared.errors import InvalidRequest
from shared.supabase.auth import Caller
from shared.supabase.storage import NoSuchFile, Storage

BUCKET = "scan-uploads"
MAX_FILE_BYTES = 50_000_000
MAX_TEXT_BYTES = 10_000_000
MAX_IMAGE_BYTES = 8_000_000

PIECE_BYTES = 65_536
IN_MEMORY_BYTES = 8_000_000
"""A larger file is read from the disk, piece by piece."""

NOTHING = "The payload is empty: there is nothing to scan."
NO_FILE = "There is no such file, or it is not yours."

_DATA_URL = re.compile(r"data:[\w.+/-]*;base64,", re.IGNORECASE)
_MOST_BYTES = {"text": MAX_TEXT_BYTES, "csv": MAX_FILE_BYTES, "image": MAX_IMAGE_BYTES}


def given(asked: ScanRequest) -> bytes | None:
    """Return the input that stands in the request, None where it is a file in storage.

    Raises:
        InvalidRequest: there is none, or it is no base64.
    """
    payload = asked.payload
    if isinstance(payload, Payload):
        texts = [payload.text, payload.content]
        words = next((text for text in [payload.image, *texts] if text is not None), None)
        if words is None and payload.storage_path is not None:
            return None
    else:
        words = payload
    if words is None or not words.strip():
        raise _invalid("payload", NOTHING)
    return _decoded(words) if asked.scan_type == "image" else words.encode()


def _decoded(words: str) -> bytes:
    prefix = _DATA_URL.match(words)
    plain = words if prefix is None else words[prefix.end() :]
    try:
        return base64.b64decode("".join(plain.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _invalid("payload.image", "The image must be base64.") from exc


class Download:
    """A file of the caller's, brought here once; `pieces` and `whole` read it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def pieces(self) -> Iterator[bytes]:
        """Return it from its beginning, a piece at a time."""
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            yield piece

    def whole(self) -> bytes:
        """Return all of it."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Forget it."""
        self._file.close()


async def downloaded(asked: ScanRequest, caller: Caller, storage: Storage, deadline: Deadline) -> Download:
    """Bring the file that the request names.

    Raises:
        InvalidRequest: there is none that the caller may read, or it is empty.
        PayloadTooLarge: it is over the limit of its kind.
    """
    path = _path(asked)
    # The owner's folder is the first lock, with whatever key it is asked; the policies of the storage are the second.
    if not path.startswith(f"{caller.user_id}/"):
        raise _invalid("payload.storagePath", NO_FILE)
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  # closed by its reader
    most = _MOST_BYTES[asked.scan_type]
    try:
        async for piece in storage.read(BUCKET, path, caller, most, deadline):
            file.write(piece)
    except NoSuchFile as exc:
        file.close()
        raise _invalid("payload.storagePath", NO_FILE) from exc
    except BaseException:
        file.close()
        raise
    if file.tell() == 0:
        file.close()
        raise _invalid("payload.storagePath", NOTHING)
    return Download(file)


def _path(asked: ScanRequest) -> str:
    path = asked.payload.storage_path if isinstance(asked.payload, Payload) else None
    return (path or "").removeprefix("/").removeprefix(f"{BUCKET}/")


def _invalid(field: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, details=[{"field": field, "message": sentence.rstrip(".")}])
