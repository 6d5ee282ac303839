"""Packages of dependencies that only name what their modules hold: there a name is imported when it is first used.

`openai/types` names 900 types, of which a call uses some twenty; importing the others took a third of a first call
(docs/decisions/cold-start.md).
"""

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from local.problem import Problem

LAZY = PurePosixPath("openai/types")
"""This package and all below it."""

SOURCE = '''\
"""The names of the original, each imported from its module when it is first used.

Changed for NexScout: this file stands in place of the one that was published.
"""

from importlib import import_module as _import_module

_MODULES = {modules}
__all__ = list(_MODULES)


def __getattr__(name):
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}") from None
    value = globals()[name] = getattr(_import_module(f".{{module}}", __name__), name)
    return value


def __dir__():
    return sorted({{*globals(), *_MODULES}})
'''
"""What such a package does instead; https://peps.python.org/pep-0562/."""


def make_lazy(site: Path) -> None:
    """Rewrite the packages among installed dependencies; raises Problem where one does more than name things."""
    for init in sorted((site / LAZY).rglob("__init__.py")):
        modules = named_modules(init.read_text(), init.relative_to(site))
        if modules:
            init.write_text(SOURCE.format(modules=dict(modules)))


def named_modules(source: str, place: Path) -> Mapping[str, str]:
    """Return the module of each name that the source of a package imports from below it.

    Raises:
        Problem: it does anything else, or names something as one of its modules is called.
    """
    modules: dict[str, str] = {}
    for statement in ast.parse(source).body:
        match statement:
            case ast.ImportFrom(module="__future__"):
                continue
            case ast.ImportFrom(module=str(module), level=1, names=names) if all(
                alias.asname == alias.name for alias in names
            ):
                modules |= {alias.name: module for alias in names}
            case _:
                raise _more(place, f"line {statement.lineno} is no import of a name as itself from below it")
    for name in modules.keys() & {module.partition(".")[0] for module in modules.values()}:
        raise _more(place, f"it names {name} as one of its modules is called")
    return modules


def _more(place: Path, why: str) -> Problem:
    return Problem(
        f"{place} cannot be imported name by name: {why}. Leave it as it is in local/package/lazy.py."
    )
