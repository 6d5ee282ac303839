"""Event logs: one JSON line each, with ids and counts, without secrets or texts of people."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from shared import log
from shared.log import configure, log_event, logger, redact


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Yield what the logger writes; its configuration is restored after the test."""
    before = (logger.handlers[:], logger.level, logger.propagate)
    stream = io.StringIO()
    configure("INFO", stream)
    yield stream
    logger.handlers[:], logger.level, logger.propagate = before


def logged(output: io.StringIO) -> dict[str, object]:
    """Return the one event that was written, without the fields that every event has."""
    (line,) = output.getvalue().splitlines()
    event: dict[str, object] = json.loads(line)
    return {name: value for name, value in event.items() if name not in {"at", "level", "event"}}


def test_an_event_is_one_line_with_time_level_name_and_fields(output: io.StringIO) -> None:
    """Log searches rely on these names."""
    log_event("request.finished", function="generate-ai-content", status=200, ms=12.5, model=None)
    (line,) = output.getvalue().splitlines()
    event = json.loads(line)
    assert list(event) == ["at", "level", "event", "function", "status", "ms", "model"]
    assert datetime.fromisoformat(event["at"]).tzinfo == UTC
    assert (event["level"], event["event"]) == ("info", "request.finished")
    assert (event["function"], event["status"], event["ms"], event["model"]) == (
        "generate-ai-content",
        200,
        12.5,
        None,
    )


def test_a_line_break_in_a_field_stays_inside_the_line(output: io.StringIO) -> None:
    """A field cannot forge a second event."""
    log_event("x", code='a\n{"event": "forged"}')
    assert logged(output) == {"code": 'a\n{"event": "forged"}'}


def test_fields_may_bear_any_name_and_never_replace_the_fixed_ones(output: io.StringIO) -> None:
    """Fields often come from a mapping with foreign names."""
    log_event("x", event="forged", at="never", name="n", msg="m")
    event = json.loads(output.getvalue())
    assert event["event"] == "x"
    assert event["at"] != "never"
    assert (event["name"], event["msg"]) == ("n", "m")


@pytest.mark.parametrize(
    "text",
    [
        "sb_secret_abcDEF012",
        "sb_publishable_abcDEF012",
        "Bearer abc.def",
        "bearer 0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi",
        "sk-proj-abcdef123456",
        "juan.dela-cruz+x@example.com.ph",
        "juan%40example.com",
        "+63 917 123 4567",
        "+639171234567",
        "+1 (415) 555-2671",
        "0917-123-4567",
        "0917 123 4567",
        "09171234567",
        "639171234567",
        "(02) 8123 4567",
        "415-555-2671",
    ],
)
def test_every_known_shape_of_a_secret_or_contact_is_redacted_within_its_text(text: str) -> None:
    """A secret is found anywhere in a field, between other words."""
    assert redact(f"before {text} after") == "before [redacted] after"
    assert redact(text) == "[redacted]"


def test_a_password_in_an_address_is_redacted() -> None:
    """Database addresses appear in errors."""
    assert redact("postgres://postgres:hunter2@127.0.0.1:5432/x") == "postgres://[redacted]127.0.0.1:5432/x"


@pytest.mark.parametrize(
    "text",
    [
        "1c9e2f7a-0917-4123-8567-123456789012",
        "00000000-0000-0000-0000-000000000001",
        "12345678-1234-1234-1234-123456789012",
        "2026-11-22T16:45:00.123456+00:00",
        "2026-11-22 16:45:00",
        "gpt-3.5-turbo-0125",
        "gpt-4o-2024-08-06",
        "0.000123456789",
        "request 1234567890 took 25000 ms",
        "127.0.0.1:54321",
        "task-force",
        "http://127.0.0.1:54321/rest/v1/rpc/reserve",
    ],
)
def test_ids_times_models_and_counts_stay_readable(text: str) -> None:
    """Redaction keeps the values for which a log is read."""
    assert redact(text) == text


def test_a_long_text_is_cut_after_its_secrets_are_removed() -> None:
    """A secret is not cut in half and left readable."""
    assert redact("x" * 490 + " juan@example.com and more") == "x" * 490 + " [redacted"
    assert redact("y" * 1_000_000) == "y" * 500


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "accessToken",
        "Authorization",
        "apikey",
        "api_key",
        "idempotency-key",
        "prompt",
        "system_prompt",
        "systemPrompt",
        "message",
        "messages",
        "content",
        "systemInstruction",
        "full_name",
        "fullName",
        "email",
        "visitor_phone",
        "password",
        "jwt_secret",
    ],
)
def test_fields_named_like_secrets_or_texts_of_people_are_dropped(output: io.StringIO, name: str) -> None:
    """They are dropped at every depth, also if their value has no known shape."""
    log_event("x", **{name: "Kumusta po", "kept": {name: ["Kumusta po"]}})  # type: ignore[arg-type]
    assert logged(output) == {"kept": {}}


def test_counts_with_such_names_are_kept(output: io.StringIO) -> None:
    """`tokens` in a usage log is a number, not a secret."""
    log_event("x", tokens=12, prompt_tokens=0, message=None, prompt_version="a1b2", messages=Decimal(3))
    assert logged(output) == {
        "tokens": 12,
        "prompt_tokens": 0,
        "message": None,
        "prompt_version": "a1b2",
        "messages": "3",
    }


def test_values_of_every_kind_become_json(output: io.StringIO) -> None:
    """Money keeps its digits; values that JSON lacks become text or null."""
    log_event(
        "x",
        cost_usd=Decimal("0.000105000"),
        user_id=UUID("1c9e2f7a-0917-4123-8567-123456789012"),
        when=datetime(2026, 11, 22, 1, 2, tzinfo=UTC),
        ratio=float("nan"),
        flags=(True, {"juan@example.com"}, frozenset({1})),
        kinds={1: "a"},
    )
    assert logged(output) == {
        "cost_usd": "0.000105000",
        "user_id": "1c9e2f7a-0917-4123-8567-123456789012",
        "when": "2026-11-22 01:02:00+00:00",
        "ratio": None,
        "flags": [True, ["[redacted]"], [1]],
        "kinds": {"1": "a"},
    }


def test_an_exception_is_logged_by_its_class_only(output: io.StringIO) -> None:
    """Its text may be a provider's, or a prospect's."""
    log_event("x", error=ValueError("Kumusta po"))
    assert logged(output) == {"error": "ValueError"}


def test_nesting_ends_somewhere(output: io.StringIO) -> None:
    """A structure that contains itself still gives a line."""
    loop: dict[str, object] = {}
    loop["again"] = loop
    log_event("x", loop=loop)
    assert "[too deep]" in output.getvalue()


class Unprintable:
    """A value whose text cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError


def test_a_value_that_cannot_be_shown_does_not_end_the_request(output: io.StringIO) -> None:
    """The event is still written, and reports the error."""
    log_event("x", odd=Unprintable())
    assert logged(output) == {"log_fault": "RuntimeError"}


def test_an_event_below_the_level_is_not_written(output: io.StringIO) -> None:
    """Its fields are not even read."""
    log_event("x", level=logging.DEBUG, odd=Unprintable())
    assert output.getvalue() == ""


class Keeping(logging.Handler):
    """A handler that stores its records."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Store the record."""
        self.seen.append(record)


def test_a_handler_gets_the_event_and_its_redacted_fields(output: io.StringIO) -> None:
    """The development server shows the same events in another form."""
    handler = Keeping()
    logger.addHandler(handler)
    log_event("request.finished", level=logging.WARNING, status=504, email="x")
    (record,) = handler.seen
    assert (vars(record)["event"], vars(record)["fields"]) == ("request.finished", {"status": 504})
    assert json.loads(output.getvalue())["level"] == "warning"


def test_a_plain_record_of_the_logger_becomes_an_event_of_its_redacted_text(output: io.StringIO) -> None:
    """The logger's standard interface has the same redaction."""
    logger.warning("cannot reach %s", "juan@example.com")
    event = json.loads(output.getvalue())
    assert (event["level"], event["event"]) == ("warning", "cannot reach [redacted]")


def test_configuring_twice_writes_each_event_once(output: io.StringIO) -> None:
    """Many apps in one process each configure the log."""
    configure("INFO", output)
    log_event("x")
    assert len(output.getvalue().splitlines()) == 1


def test_events_go_to_standard_output_by_default(
    output: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are not written a second time: a platform's root handler gets none."""
    configure("INFO")
    log_event("x", status=1)
    assert json.loads(capsys.readouterr().out)["status"] == 1
    assert output.getvalue() == ""
    assert log.logger.propagate is False
