"""The zip of one function: the same bytes for the same contents."""

import hashlib
import os
import py_compile
import sys
import zipfile
from collections.abc import Iterable
from importlib.util import cache_from_source
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

Entry = tuple[PurePosixPath, Path]

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file, so that zips differ only if their contents do."""


def write(path: Path, entries: Iterable[Entry], *, compiled: bool) -> None:
    """Write the zip; `compiled` adds missing bytecode, which is never checked against its source.

    A zip of the same contents is kept: writing one takes some seconds, comparing half a second.
    """
    entries = list(entries)
    stamp, made_of = path.with_suffix(".stamp"), _digest(entries, compiled=compiled)
    if path.exists() and stamp.exists() and stamp.read_text() == made_of:
        return
    places = {place for place, _ in entries}
    path.parent.mkdir(parents=True, exist_ok=True)
    # A temporary name: two processes may build the same package at once.
    unfinished = path.with_suffix(f".{os.getpid()}")
    with (
        TemporaryDirectory() as folder,
        zipfile.ZipFile(unfinished, "w") as archive,
    ):
        for place, source in entries:
            _add(archive, place, source.read_bytes())
            if compiled and place.suffix == ".py" and _cached(place) not in places:
                _add(archive, _cached(place), _bytecode(place, source, Path(folder)))
    # In this order, so that a stamp always belongs to its zip.
    stamp.unlink(missing_ok=True)
    unfinished.replace(path)
    stamp.write_text(made_of)


def _digest(entries: Iterable[Entry], *, compiled: bool) -> str:
    """Return the digest of everything in a zip, of this file and of the interpreter that compiles."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + f"{sys.version} {compiled}".encode())
    for place, source in entries:
        digest.update(f"{place}\0{hashlib.sha256(source.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def _add(archive: zipfile.ZipFile, place: PurePosixPath, content: bytes) -> None:
    info = zipfile.ZipInfo(str(place), LONG_AGO)
    info.external_attr = (0o755 if place.suffix == ".sh" else 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content)


def _cached(place: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(cache_from_source(str(place)))


def _bytecode(place: PurePosixPath, source: Path, folder: Path) -> bytes:
    compiled = py_compile.compile(
        str(source),
        str(folder / "module.pyc"),
        dfile=f"/var/task/{place}",
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    return Path(str(compiled)).read_bytes()
