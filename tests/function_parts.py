"""The required parts of every function of a project, and a sentence for each missing part."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ACTION = re.compile(r"ai_[a-z_]+")
CLASSES = ("premium", "standard")


def missing(root: Path, name: str) -> list[str]:
    """Return what the function lacks in the project below `root`, one sentence for each part."""
    return [*_of_its_folder(root, name), *_of_its_prices(root, name), *_of_the_project(root, name)]


def _of_its_folder(root: Path, name: str) -> Iterator[str]:
    folder = root / "functions" / name.replace("-", "_")
    place, tests = folder.relative_to(root), Path("tests", "functions", folder.name)
    if f'http_entry("{name}"' not in re.sub(r"\(\s+", "(", _text(folder / "handler.py")):
        yield f'{name} has no entry point: {place}/handler.py must build http_entry("{name}", router).'
    if "@router.post(" not in _text(folder / "routes.py"):
        yield f"{name} has no route: {place}/routes.py must take a POST."
    if not list(folder.rglob("schemas.py")):
        yield f"{name} has no schema: the shape of what is sent belongs into {place}/schemas.py."
    if not [path for path in (folder / "prompts").rglob("*.txt") if _text(path).strip()]:
        yield f"{name} has no prompt: what the model is told belongs into a text file in {place}/prompts/."
    if "def document()" not in _text(folder / "openapi.py"):
        yield f"{name} has no OpenAPI document: {place}/openapi.py must describe its routes."
    if f'document_at("functions.{folder.name}.openapi")' not in _text(folder / "routes.py"):
        yield f"{name} does not serve its OpenAPI document: {place}/routes.py must name {place}/openapi.py."
    if not any("def test_" in _text(path) for path in (root / tests).rglob("test_*.py")):
        yield f"{name} has no test: write one in {tests}/."


def _of_its_prices(root: Path, name: str) -> Iterator[str]:
    actions = sorted(actions_of(root / "functions" / name.replace("-", "_")))
    if not actions:
        yield f"{name} costs nothing: its task must set an `action`, by which a call is priced."
    priced = "\n".join(_text(path) for path in (root / "supabase").rglob("*.sql"))
    for action in actions:
        for model_class in CLASSES:
            if f"('{action}', '{model_class}'," not in priced:
                yield (
                    f"{name} has no price for {action} in the class {model_class}: insert a row into "
                    "ai_action_prices in a new file of supabase/migrations/."
                )


def _of_the_project(root: Path, name: str) -> Iterator[str]:
    folder, serverless = name.replace("-", "_"), _text(root / "serverless.yml")
    for line, part in {
        f"handler: functions.{folder}.handler.handler": "entry",
        f"artifact: .local/package/lambda/{name}.zip": "package",
        f"- httpApi: ANY /functions/v1/{name}\n": "path",
        f"- httpApi: ANY /functions/v1/{name}/{{proxy+}}\n": "path below its own",
    }.items():
        if line not in serverless:
            yield f"{name} has no {part} in serverless.yml: its block there must have «{line.strip()}»."
    if f"functions/{folder}" not in tomllib.loads(_text(root / "tests" / "rooms.toml")):
        yield f"{name} has no order of its rooms: tests/rooms.toml must have a table for functions/{folder}."
    if f"\n| `{name}` | " not in _text(root / "README.md"):
        yield f"{name} is not in the README: the table of functions must have a row for it."


def actions_of(folder: Path) -> set[str]:
    """Return the priced actions in a function's files: the values of variables called action."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(_text(path))):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(ast.unparse(target).lower().endswith("action") for target in targets):
                    texts = (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
                    found |= {text for text in texts if isinstance(text, str) and ACTION.fullmatch(text)}
    return found


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""
