"""Which files a function's package holds: an allow-list of ours, and what is needed of the dependencies."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from local.project import PROJECT

OURS = {".py", ".txt", ".json"}
"""What our folders ship: code, prompts and prices."""

RUN = Path(__file__).with_name("run.sh")
"""Starts the function as a server, where it streams."""

UNUSED_FOLDERS = {"tests", "test", "testing", "docs", "bin"}
UNUSED_ENDINGS = {".pyi", ".pyx", ".pxd", ".c", ".h", ".typed"}
"""Of dependencies: what no import reads."""

KEPT_METADATA = {"METADATA", "entry_points.txt"}
"""Of a dist-info: versions are looked up in METADATA; licences are kept whole."""

UNUSED_PARTS = (
    # What FastAPI looks for with each route, and does without.
    PurePosixPath("pydantic/v1"),
    # Its command line, which would import click at each start; it is meant to be left out so.
    PurePosixPath("httpx/_main"),
    PurePosixPath("aws_lambda_powertools/event_handler"),
    # Asks the DNS whether an address can get mail: nothing here does.
    PurePosixPath("email_validator/deliverability"),
    PurePosixPath("email_validator/__main__"),
    # Builds bindings; those of cryptography are built, and need `_cffi_backend` alone.
    PurePosixPath("cffi"),
    # Tests its interface in C.
    PurePosixPath("multidict/_testcapi"),
)
"""Parts of dependencies, folders and modules, that nothing of ours imports, also not through others."""

LEFT_OUT = {"dns", "dnspython", "h2", "hpack", "hyperframe", "pycparser"}
"""Whole packages that dependencies bring and nothing asks for: the DNS check of e-mail addresses, HTTP/2, a parser
of C. Their metadata stays away with them."""


def of_function(name: str, site: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """The files of one function's package, by their place in it."""
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
    # Of a dist-info, what stands before the version.
    if place.parts[0].partition("-")[0] in LEFT_OUT:
        return False
    if place.parts[0].endswith(".dist-info"):
        return place.name in KEPT_METADATA or "licen" in str(place).lower()
    if UNUSED_FOLDERS & set(place.parts[:-1]) or place.suffix in UNUSED_ENDINGS:
        return False
    return not any(_module(place).is_relative_to(part) for part in UNUSED_PARTS)


def _module(place: PurePosixPath) -> PurePosixPath:
    """Return the module that a file is, as source, bytecode or machine code, without any ending."""
    folder = place.parent.parent if place.parent.name == "__pycache__" else place.parent
    return folder / place.name.partition(".")[0]
