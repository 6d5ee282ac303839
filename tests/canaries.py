"""The secrets of a test stack as canaries: wherever one of them appears, it has leaked."""

import logging
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from local.stack.stack import Stack
from shared.log import JsonLines

Canaries = Mapping[str, bytes]
"""The secret values, by their names."""

PRINTS_ITS_KEYS = "lite.log"
"""@supabase/lite prints its keys when it starts, which is allowed on a laptop."""


class KeptEvents(logging.Filter):
    """Passes every event of a logger on, and first writes it to a log, wherever its handlers print it."""

    def __init__(self, log: TextIO) -> None:
        super().__init__()
        self._log = log
        self._lines = JsonLines()

    def filter(self, record: logging.LogRecord) -> bool:
        """Write the event as a function prints it."""
        print(self._lines.format(record), file=self._log, flush=True)
        return True


def canaries_of(stack: Stack) -> Canaries:
    """Return the secrets of a stack: its keys, and its provider's."""
    (_, body, *_) = stack.keys.signing_key.splitlines()
    found = {
        "SUPABASE_SECRET_KEY": stack.keys.secret,
        "SUPABASE_JWT_SECRET": stack.keys.jwt_secret,
        "OPENAI_API_KEY": stack.env["OPENAI_API_KEY"],
        "signing key": body,
    }
    return {name: value.encode() for name, value in found.items()}


def leaks(contents: Iterable[tuple[str, bytes]], canaries: Canaries) -> list[str]:
    """Return where which canary was found, as `place:line: name`; never its value."""
    return [
        f"{place}:{number}: {name}"
        for place, content in contents
        for name, value in canaries.items()
        if value in content
        for number, line in enumerate(content.splitlines(), 1)
        if value in line
    ]


def logs_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each log below a folder; `PRINTS_ITS_KEYS` is left out."""
    for path in sorted(folder.rglob("*.log")):
        if path.is_file() and path.name != PRINTS_ITS_KEYS:
            yield str(path.relative_to(folder)), path.read_bytes()


def files_in(package: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each file of a zip, by its name."""
    with zipfile.ZipFile(package) as archive:
        for name in archive.namelist():
            yield f"{package.name}/{name}", archive.read(name)
