"""Defers the imports of a dependency's module until one of its functions, or an importer of the name, needs them."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

NAMED = """\

# Changed for NexScout: each of these names is imported when it is first used.
_LATER = {later}


def __getattr__(name):
    from importlib import import_module

    try:
        module, attribute = _LATER[name]
    except KeyError:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}") from None
    value = import_module(module, __package__)
    if attribute is not None:
        value = getattr(value, attribute)
    globals()[name] = value
    return value


def __dir__():
    return sorted({{*globals(), *_LATER}})
{everything}"""
"""The module's `__getattr__` for its deferred names; https://peps.python.org/pep-0562/."""

EVERYTHING = """\

__all__ = [name for name in __dir__() if not name.startswith("_")]
"""
"""The names of `import *` for a module without its own `__all__`: the same as before."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def deferred(site: Path, place: PurePosixPath, packages: Collection[str] = ()) -> str:
    """Return the source of a module of a site with its imports from its own package and from `packages` deferred.

    An import is not deferred if the module uses its name during its own import. Annotations do not count: they become
    texts. So this does not work for classes that are built from their annotations, such as models.
    """
    source = (site / place).read_text("utf-8")
    tree = ast.parse(source)
    staying = _used(tree.body) | _bound(tree)
    body: list[ast.stmt] = []
    later: dict[str, ast.ImportFrom] = {}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and _may_wait(statement, packages):
            each = _one_by_one(site, place, statement)
            body += [one for name, one in each.items() if name in staying]
            later |= {name: one for name, one in each.items() if name not in staying}
        else:
            body.append(statement)
    if not later:
        return source
    _import_where_used(body, later)
    tree.body = _with_annotations_as_texts(body)
    origins = {name: _origin(site, place, one) for name, one in later.items()}
    added = NAMED.format(later=origins, everything="" if "__all__" in staying else EVERYTHING)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n" + added


def _may_wait(statement: ast.ImportFrom, packages: Collection[str]) -> bool:
    return statement.level > 0 or (statement.module or "").partition(".")[0] in packages


def _one_by_one(site: Path, place: PurePosixPath, statement: ast.ImportFrom) -> Mapping[str, ast.ImportFrom]:
    """Return the import of each name that a statement imports; for a star, each public name of the other module."""
    names = statement.names
    if names[0].name == "*":
        other = ast.parse((site / _path(place, statement)).with_suffix(".py").read_text("utf-8"))
        imports = [node for node in other.body if isinstance(node, ast.ImportFrom | ast.Import)]
        found = _bound(other) | {alias.asname or alias.name for node in imports for alias in node.names}
        names = [ast.alias(name) for name in sorted(found) if not name.startswith("_")]
    return {
        alias.asname or alias.name: ast.ImportFrom(statement.module, [alias], statement.level)
        for alias in names
    }


def _import_where_used(body: Iterable[ast.stmt], later: Mapping[str, ast.ImportFrom]) -> None:
    for function in _functions(body):
        names = _used([function], within=True) & later.keys()
        start = 0 if ast.get_docstring(function) is None else 1
        function.body[start:start] = [later[name] for name in sorted(names)]


def _with_annotations_as_texts(body: list[ast.stmt]) -> list[ast.stmt]:
    if any(isinstance(each, ast.ImportFrom) and each.module == "__future__" for each in body):
        return body
    start = 0 if ast.get_docstring(ast.Module(body, [])) is None else 1
    return [*body[:start], ast.ImportFrom("__future__", [ast.alias("annotations")], 0), *body[start:]]


def _origin(site: Path, place: PurePosixPath, one: ast.ImportFrom) -> tuple[str, str | None]:
    """Return the module of a name and the name in it, None if the name is itself a module."""
    module, name = "." * one.level + (one.module or ""), one.names[0].name
    inside = site / _path(place, one) / name
    if inside.is_dir() or inside.with_suffix(".py").is_file():
        return f"{module}{'.' if one.module else ''}{name}", None
    return module, name


def _path(place: PurePosixPath, statement: ast.ImportFrom) -> PurePosixPath:
    """Return the path of a statement's module in the site, without its suffix."""
    package = place.parents[statement.level - 1] if statement.level else PurePosixPath()
    return package.joinpath(*(statement.module or "").split("."))


def _functions(body: Iterable[ast.stmt]) -> Iterator[Function]:
    """Yield the functions of a module and the methods of its classes, not nested functions."""
    for statement in body:
        if isinstance(statement, Function):
            yield statement
        elif isinstance(statement, ast.ClassDef):
            yield from _functions(statement.body)


def _used(statements: Iterable[ast.stmt], *, within: bool = False) -> set[str]:
    """Return the names that statements read: inside functions only if `within`, in annotations never."""
    reading = _Reading(within=within)
    for statement in statements:
        reading.visit(statement)
    return reading.names


class _Reading(ast.NodeVisitor):
    def __init__(self, *, within: bool) -> None:
        self.names: set[str] = set()
        self._within = within

    def visit_Name(self, node: ast.Name) -> None:  # This method's name is given by the name of the node.
        self.names.add(node.id)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_all([node.target, node.value])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def _visit_function(self, node: Function) -> None:
        self._visit_all([*node.decorator_list, *node.args.defaults, *node.args.kw_defaults])
        if self._within:
            self._visit_all(node.body)

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)


def _bound(tree: ast.AST) -> set[str]:
    """Return the names that a tree binds by anything else than an import."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
    return found
