"""Finding and loading the functions."""

from pathlib import Path

from local.gateway.function_apps import Broken, load, names


def test_folder_with_a_handler_is_a_function(tmp_path: Path) -> None:
    """Underscores in a folder's name become dashes; a folder without a handler is not a function."""
    for folder in ("scan_processor_v2", "generate_ai_content", "notes"):
        (tmp_path / folder).mkdir()
    for folder in ("scan_processor_v2", "generate_ai_content"):
        (tmp_path / folder / "handler.py").touch()
    assert names(tmp_path) == ["generate-ai-content", "scan-processor-v2"]


def test_function_that_does_not_load_is_broken_with_its_reason() -> None:
    """A failing import is stored as a reason and raises nothing."""
    loaded = load("no-such-function")
    assert isinstance(loaded, Broken)
    assert loaded.reason.startswith("ModuleNotFoundError: ")
