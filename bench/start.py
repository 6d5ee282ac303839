"""Starting a function: its import and its first reply, beside the import of the libraries that it uses."""

import os
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from local.commands.invoke import api_gateway_event
from local.gateway.function_apps import names
from local.package.__main__ import build
from local.package.target import HOST
from tests.e2e.lambdas import running, runtime_client, unpacked

ROUNDS = 7
MEGABYTE = 1_000_000

# Without the imports of httpx's command line: click and rich are installed here for the tests, and not in a package.
WHOLE = "import sys; sys.modules.update(click=None, rich=None); import supabase, openai, fastapi, mangum, pydantic"

Event = dict[str, Any]
Events = Mapping[str, Callable[[], Event]]
"""By a label that ends with a colon and the function's name: what makes the first event that the function gets."""


@dataclass(frozen=True)
class StartFigures:
    """Milliseconds of one way to start, the median of all rounds; `bound` is the wanted maximum of the ratio."""

    what: str
    milliseconds: float
    ratio: float
    bound: float | None


@dataclass(frozen=True)
class ZipFigures:
    """Megabytes of a function's zip, with its bytecode and without."""

    name: str
    megabytes: float
    without_bytecode: float


def get_event(path: str) -> Event:
    """Return the event that API Gateway sends for a GET."""
    event = api_gateway_event(path, {}, "")
    event["requestContext"]["http"]["method"] = "GET"
    return event


class Zips:
    """The packages for this machine, unpacked as the platform does it."""

    def __init__(self, folder: Path) -> None:
        self.paths = build(HOST)
        self.roots = {name: unpacked(path, folder / name) for name, path in self.paths.items()}
        self.client = runtime_client(folder / "client")
        self.log = folder / "log"

    def sizes(self) -> Iterator[ZipFigures]:
        """Return the size of each package."""
        for name, path in self.paths.items():
            with zipfile.ZipFile(path) as archive:
                kept = [
                    file.compress_size for file in archive.infolist() if not file.filename.endswith(".pyc")
                ]
            yield ZipFigures(name, path.stat().st_size / MEGABYTE, sum(kept) / MEGABYTE)


def start_figures(env: Mapping[str, str], events: Events) -> tuple[list[StartFigures], list[ZipFigures]]:
    """Start everything in turn, round by round, so that a busy moment affects all alike; return times and sizes."""
    with TemporaryDirectory() as folder:
        zips = Zips(Path(folder))
        _round(zips, env, events)
        rounds = [_round(zips, env, events) for _ in range(ROUNDS)]
        sizes = list(zips.sizes())
    medians = {what: median(each[what] for each in rounds) for what in rounds[0]}
    whole = medians["import of the whole"]
    figures = [StartFigures(what, ms, ms / whole, _bound(what)) for what, ms in medians.items()]
    return figures, sizes


def _round(zips: Zips, env: Mapping[str, str], events: Events) -> dict[str, float]:
    taken = {"import of the whole": _import_ms(Path(sysconfig.get_path("purelib")), WHOLE, {})}
    for name in names():
        code = f"import functions.{name.replace('-', '_')}.handler"
        taken[f"import of {name}"] = _import_ms(zips.roots[name], code, env)
    for what, made in events.items():
        taken[what] = _first_reply_ms(zips, what.rpartition(": ")[2], env, made())
    return taken


def _import_ms(site: Path, code: str, env: Mapping[str, str]) -> float:
    # The platform sets this name wherever it runs a function.
    named = {"AWS_LAMBDA_FUNCTION_NAME": "bench", "PATH": os.environ["PATH"], "PYTHONPATH": str(site)}
    surroundings = {**env, **named}
    # os._exit: shutting the interpreter down is not part of a start.
    command = [sys.executable, "-S", "-c", f"{code}\nimport os; os._exit(0)"]
    started = time.perf_counter()
    subprocess.run(command, env=surroundings, cwd=site, check=True)  # noqa: S603
    return (time.perf_counter() - started) * 1000


def _first_reply_ms(zips: Zips, name: str, env: Mapping[str, str], event: Event) -> float:
    """Return the time from the start of the process to the reply, whose status must be 200."""
    handler = f"functions.{name.replace('-', '_')}.handler.handler"
    started = time.perf_counter()
    with running(zips.roots[name], zips.client, handler, env, zips.log) as (api, _):
        answer = api.invoke(event).answer
        taken = (time.perf_counter() - started) * 1000
    if answer["statusCode"] != 200:  # noqa: PLR2004  # the status is the name
        raise RuntimeError(f"{name} answered {answer}")
    return taken


def _bound(what: str) -> float | None:
    if what == "import of the whole":
        return None
    return 0.6 if what.startswith("import") else 1.1
