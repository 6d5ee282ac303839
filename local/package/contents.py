"""Which files a function's package contains: an allow-list of ours, and the needed parts of the dependencies."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from local.project import PROJECT

OURS = {".py", ".txt", ".json"}
"""What is shipped of our folders: code, prompts and prices."""

RUN = Path(__file__).with_name("run.sh")
"""The program that starts a streaming function as a server."""

UNUSED_FOLDERS = {"tests", "test", "testing", "docs", "bin"}
UNUSED_ENDINGS = {".pyi", ".pyx", ".pxd", ".c", ".h", ".typed"}
"""Files of dependencies that no import reads."""

KEPT_METADATA = {"METADATA", "entry_points.txt"}
"""Files of a dist-info: METADATA has the version; licences are kept whole."""

UNUSED_PARTS = (
    # FastAPI looks for it with each route, and does not need it.
    PurePosixPath("pydantic/v1"),
    # httpx's command line, which would import click at each start; httpx works without it.
    PurePosixPath("httpx/_main"),
    PurePosixPath("aws_lambda_powertools/event_handler"),
    # Asks the DNS whether an address can receive mail, which nothing here does.
    PurePosixPath("email_validator/deliverability"),
    PurePosixPath("email_validator/__main__"),
    # Builds bindings; those of cryptography are built, and need only `_cffi_backend`.
    PurePosixPath("cffi"),
    # Tests Python's C API.
    PurePosixPath("multidict/_testcapi"),
)
"""Parts of dependencies, folders and modules, that our code imports neither directly nor indirectly."""

LEFT_OUT = {"dns", "dnspython", "h2", "hpack", "hyperframe", "pycparser"}
"""Whole packages of dependencies that are not needed: the DNS check of e-mail addresses, HTTP/2, a parser
of C. Their metadata is left out too.
"""


def of_function(name: str, site: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Yield the files of one function's package, by their path in it."""
    yield PurePosixPath("functions/__init__.py"), PROJECT / "functions" / "__init__.py"
    yield PurePosixPath(RUN.name), RUN
    for folder in (Path("functions", name), Path("shared")):
        yield from _ours(folder)
    yield from _of_dependencies(site)


def _ours(folder: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    for path in sorted((PROJECT / folder).rglob("*")):
        if path.is_file() and path.suffix in OURS and "__pycache__" not in path.parts:
            yield PurePosixPath(path.relative_to(PROJECT).as_posix()), path


def _of_dependencies(site: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    for path in sorted(site.rglob("*")):
        place = PurePosixPath(path.relative_to(site).as_posix())
        if path.is_file() and _is_needed(place):
            yield place, path


def _is_needed(place: PurePosixPath) -> bool:
    # The part of a dist-info's name before the version.
    if place.parts[0].partition("-")[0] in LEFT_OUT:
        return False
    if place.parts[0].endswith(".dist-info"):
        return place.name in KEPT_METADATA or "licen" in str(place).lower()
    if UNUSED_FOLDERS & set(place.parts[:-1]) or place.suffix in UNUSED_ENDINGS:
        return False
    return not any(_module(place).is_relative_to(part) for part in UNUSED_PARTS)


def _module(place: PurePosixPath) -> PurePosixPath:
    """Return the path of the module of a source, bytecode or machine code file, without its suffix."""
    folder = place.parent.parent if place.parent.name == "__pycache__" else place.parent
    return folder / place.name.partition(".")[0]
