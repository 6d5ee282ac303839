"""The modules of dependencies whose imports wait in the package (docs/decisions/cold-start.md).

`openai/types` names 900 types, of which a call uses some twenty; importing the others took a third of a first call.
Supabase's client brings realtime, files, functions and sign-in, and a synchronous half: a call uses none of them.
"""

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from local.package.deferral import deferred
from local.problem import Problem

LAZY = PurePosixPath("openai/types")
"""This package and all below it."""

WAITING = tuple(
    PurePosixPath(place)
    for place in (
        "postgrest/__init__.py",
        "storage3/__init__.py",
        "supabase/__init__.py",
        "supabase/_async/client.py",
        "supabase/lib/__init__.py",
        "supabase/lib/client_options.py",
        "supabase_auth/__init__.py",
        "supabase_functions/__init__.py",
    )
)
"""The modules of Supabase's client that a call passes through, of which it uses the database's part alone."""

PARTS = ("realtime", "storage3", "supabase", "supabase_auth", "supabase_functions")
"""The packages that these modules import, and may leave for later."""


def make_lazy(site: Path) -> None:
    """Rewrite the modules among installed dependencies; raises Problem where one is not as it was known."""
    for init in sorted((site / LAZY).rglob("__init__.py")):
        place = init.relative_to(site)
        if named_modules(init.read_text("utf-8"), place):
            init.write_text(deferred(site, PurePosixPath(place.as_posix())), "utf-8")
    for waiting in WAITING:
        source = deferred(site, waiting, PARTS)
        if source == (site / waiting).read_text("utf-8"):
            raise Problem(
                f"{waiting} has no import that can wait. Take it off the list in local/package/lazy.py."
            )
        (site / waiting).write_text(source, "utf-8")


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
