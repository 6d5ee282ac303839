"""What `make dev` shows of the log."""

import json

from local.stack.requestlog import line_for


def shown(**entry: object) -> str | None:
    """Return the line for one entry of the functions' log."""
    return line_for(json.dumps(entry) + "\n")


def test_finished_request_is_one_line_with_all_measures() -> None:
    """Function, status, model, tokens, cost, energy and milliseconds, each with its unit."""
    line = shown(
        at="2026-11-22T09:08:07.123+00:00",
        level="info",
        event="request.finished",
        function="generate-ai-content",
        status=200,
        code=None,
        request_id="r",
        model="gpt-4o",
        tokens=812,
        cost_usd="0.003450000",
        energy=10,
        ms=734.4,
    )
    assert line == "09:08:07  generate-ai-content   200  gpt-4o  812 tokens  $0.003450000  10 energy  734 ms"


def test_refused_request_shows_its_code() -> None:
    """An error has its stable code, and values that were not measured are omitted."""
    line = shown(
        at="2026-11-22T09:08:07.123+00:00",
        level="info",
        event="request.finished",
        function="generate-ai-content",
        status=402,
        code="insufficient_energy",
        energy=0,
        ms=12,
    )
    assert line == "09:08:07  generate-ai-content   402 insufficient_energy  0 energy  12 ms"


def test_quiet_event_is_not_shown() -> None:
    """Ordinary events are only in the log file."""
    assert shown(at="2026-11-22T09:08:07Z", level="info", event="config.loaded", user_id="u") is None


def test_warning_is_shown_with_its_fields() -> None:
    """A warning is shown with its fields."""
    line = shown(at="2026-11-22T09:08:07Z", level="warning", event="config.missing", sections=["company"])
    assert line == "09:08:07  WARNING config.missing sections=['company']"


def test_output_that_is_no_event_is_shown_as_it_is() -> None:
    """Output of a `print` is shown unchanged."""
    assert line_for("hello\n") == "hello"
    assert line_for("[1, 2]\n") == "[1, 2]"


def test_blank_line_is_not_shown() -> None:
    """A blank line is not shown."""
    assert line_for("\n") is None
