"""The source of a scan's input: the request itself, or a file in the storage."""

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
"""A larger file is kept on disk."""

NOTHING = "The payload is empty: there is nothing to scan."
NO_FILE = "There is no such file, or it is not yours."

_DATA_URL = re.compile(r"data:[\w.+/-]*;base64,", re.IGNORECASE)
_MAX_BYTES = {"text": MAX_TEXT_BYTES, "csv": MAX_FILE_BYTES, "image": MAX_IMAGE_BYTES}


def inline_input(request: ScanRequest) -> bytes | None:
    """Return the input in the request, or None if it is a file in the storage.

    Raises:
        InvalidRequest: there is no input, or it is no base64.
    """
    payload = request.payload
    if isinstance(payload, Payload):
        texts = [payload.text, payload.content]
        words = next((text for text in [payload.image, *texts] if text is not None), None)
        if words is None and payload.storage_path is not None:
            return None
    else:
        words = payload
    if words is None or not words.strip():
        raise _invalid("payload", NOTHING)
    return _decoded(words) if request.scan_type == "image" else words.encode()


def _decoded(words: str) -> bytes:
    prefix = _DATA_URL.match(words)
    plain = words if prefix is None else words[prefix.end() :]
    try:
        return base64.b64decode("".join(plain.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _invalid("payload.image", "The image must be base64.") from exc


class Download:
    """A downloaded file of the caller; `chunks` and `whole` read it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in chunks, from its beginning."""
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            yield piece

    def whole(self) -> bytes:
        """Return the whole content."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Delete the local copy."""
        self._file.close()


async def download(request: ScanRequest, caller: Caller, storage: Storage, deadline: Deadline) -> Download:
    """Return the file that the request names.

    Raises:
        InvalidRequest: the caller can read no such file, or it is empty.
        PayloadTooLarge: the file exceeds the limit of its type.
    """
    path = _path(request)
    # The path must be in the owner's folder, whatever the key; the policies of the storage are a second check.
    if not path.startswith(f"{caller.user_id}/"):
        raise _invalid("payload.storagePath", NO_FILE)
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  # closed by its reader
    max_bytes = _MAX_BYTES[request.scan_type]
    try:
        async for piece in storage.read(BUCKET, path, caller, max_bytes, deadline):
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


def _path(request: ScanRequest) -> str:
    path = request.payload.storage_path if isinstance(request.payload, Payload) else None
    return (path or "").removeprefix("/").removeprefix(f"{BUCKET}/")


def _invalid(field: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, details=[{"field": field, "message": sentence.rstrip(".")}])
