"""The modules of dependencies whose imports are deferred in the package (docs/decisions/cold-start.md).

`openai/types` lists 900 types, of which a call uses about twenty; importing the others took a third of a first call.
Supabase's client imports realtime, files, functions and sign-in, and a synchronous half: a call uses none of them.
"""

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from local.package.deferral import deferred
from local.problem import Problem

LAZY = PurePosixPath("openai/types")
"""This package and all its sub-packages."""

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
"""The modules of Supabase's client that a call uses; it needs only their database part."""

PARTS = ("realtime", "storage3", "supabase", "supabase_auth", "supabase_functions")
"""The packages that these modules import, and may import later."""


def make_lazy(site: Path) -> None:
    """Rewrite the modules among installed dependencies; raises Problem if one has another form than expected."""
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
    """Return the module of each name that the source of a package imports from its sub-modules.

    Raises:
        Problem: when it does anything else, or a name equals one of its modules.
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
