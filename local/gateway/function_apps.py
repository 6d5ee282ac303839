"""Finds the functions of the project and loads each of them, broken ones included."""

import importlib
import logging
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from local.project import PROJECT

log = logging.getLogger("nexscout.local")


@dataclass(frozen=True)
class Broken:
    """A function that could not be loaded, and why."""

    reason: str


def names(folder: Path = PROJECT / "functions") -> list[str]:
    """Return the URL names of all functions: every folder with a handler is a function."""
    return sorted(path.parent.name.replace("_", "-") for path in folder.glob("*/handler.py"))


def load(name: str) -> ASGIApp | Broken:
    """Return the ASGI application of a function, by its URL name."""
    try:
        module = importlib.import_module(f"functions.{name.replace('-', '_')}.handler")
        app: ASGIApp = module.app
    except Exception as error:  # Whatever a function's import raises must not stop the other functions.
        log.exception("function.broken %s", name)
        return Broken(f"{type(error).__name__}: {error}")
    return app


def load_all() -> dict[str, ASGIApp | Broken]:
    """Return every function by its URL name."""
    return {name: load(name) for name in names()}
