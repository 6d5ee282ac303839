"""The order of the folders: each folder's modules have a fixed order, and none imports a later one."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDERS: dict[str, list[str]] = {
    folder: table["order"]
    for folder, table in tomllib.loads((ROOT / "tests" / "rooms.toml").read_text("utf-8")).items()
}


def rooms_in(root: Path, folder: str) -> set[str]:
    """Return the names of a folder's modules: its Python files, and the folders that contain some."""
    place = root / folder
    files = {path.stem for path in place.glob("*.py")} - {"__init__"}
    return files | {path.name for path in place.iterdir() if path.is_dir() and list(path.rglob("*.py"))}


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of each import of a file, `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def file_of(root: Path, dotted: str) -> str:
    """Return the path of the file to which a dotted name leads."""
    place = root
    for part in dotted.split("."):
        if (place / f"{part}.py").is_file():
            return (place / f"{part}.py").relative_to(root).as_posix()
        if not (place / part).is_dir():
            break
        place /= part
    return (place / "__init__.py").relative_to(root).as_posix()


def backward_imports(root: Path, folder: str, order: list[str]) -> list[str]:
    """Return one sentence for each import of a later module; it names both files."""
    dotted = folder.replace("/", ".")
    found = []
    for path in sorted((root / folder).rglob("*.py")):
        parts = path.relative_to(root / folder).parts
        room = parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for line, name in imports_of(path):
            if name != dotted and not name.startswith(f"{dotted}."):
                continue
            other = name.removeprefix(dotted).strip(".").partition(".")[0]
            if other not in order or order.index(other) > order.index(room):
                place = path.relative_to(root).as_posix()
                found.append(f"{place}:{line} imports {file_of(root, name)}, which stands behind it")
    return found


@pytest.mark.parametrize("folder", ORDERS)
def test_every_room_is_in_the_list(folder: str) -> None:
    """Every module of a listed folder is in the list, and every name in the list exists."""
    assert set(ORDERS[folder]) == rooms_in(ROOT, folder)


def test_every_folder_of_rooms_has_an_order() -> None:
    """Each package of shipped code and of the stack that has sub-packages is in the list."""
    functions = {
        path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "functions").glob("*/handler.py")
    }
    assert set(ORDERS) == {"shared", "shared/ai", "local"} | functions


@pytest.mark.parametrize("folder", ORDERS)
def test_no_import_runs_back_up(folder: str) -> None:
    """A module imports only those before it."""
    assert backward_imports(ROOT, folder, ORDERS[folder]) == []


def test_a_backward_import_names_both_files(tmp_path: Path) -> None:
    """The error for an import of a later module names both files."""
    for place, text in {
        "a/low.py": "from a.high import tower\n",
        "a/high/tower.py": "",
        "a/low2.py": "",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    assert backward_imports(tmp_path, "a", ["low2", "low", "high"]) == [
        "a/low.py:1 imports a/high/tower.py, which stands behind it"
    ]
    assert backward_imports(tmp_path, "a", ["high", "low2", "low"]) == []
    assert rooms_in(tmp_path, "a") == {"low", "low2", "high"}
