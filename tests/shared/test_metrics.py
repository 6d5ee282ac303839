"""CloudWatch metrics in the log's lines."""

import json
from uuid import UUID

import pytest

from shared.context import RequestContext
from shared.deadline import Deadline
from shared.metrics import print_metrics, print_sweep

REQUEST_ID = UUID("7d0b3a52-37a8-4a5c-9d6f-9b6f5f1d2c11")


def printed(capsys: pytest.CaptureFixture[str], status: int, **fields: object) -> dict[str, object]:
    """Return the line that a request with these fields writes."""
    context = RequestContext(REQUEST_ID, "caller's", Deadline.starting(1), fields=fields)
    print_metrics("NexScout", "generate-ai-content", status, context)
    line: dict[str, object] = json.loads(capsys.readouterr().out)
    return line


def test_a_delivered_call_prints_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    """The line has namespace, the one dimension, the figures of the call, and its ids beside them."""
    line = printed(capsys, 200, tokens=120, cost_usd="0.0012", energy=10, attempts=1, model="gpt-4o")
    described = line["_aws"]["CloudWatchMetrics"][0]  # type: ignore[index]
    assert described["Namespace"] == "NexScout"
    assert described["Dimensions"] == [["function"]]
    assert (line["function"], line["model"], line["request_id"]) == (
        "generate-ai-content",
        "gpt-4o",
        str(REQUEST_ID),
    )
    figures = {name: line[name] for name in ("Requests", "Errors", "Tokens", "CostUSD", "Energy", "Attempts")}
    assert figures == {
        "Requests": [1.0], "Errors": [0.0], "Tokens": [120.0], "CostUSD": [0.0012], "Energy": [10.0], "Attempts": [1.0],
    }  # fmt: skip


def test_a_failed_request_counts_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A 5xx raises the error count; a 4xx does not."""
    assert printed(capsys, 502, code="provider_error")["Errors"] == [1.0]
    assert printed(capsys, 402, code="insufficient_energy")["Errors"] == [0.0]


@pytest.mark.parametrize(
    ("status", "code", "counted"),
    [
        (502, "provider_error", 1.0),
        (503, "provider_unavailable", 1.0),
        (503, "service_unavailable", 0.0),
        (504, "deadline_exceeded", 0.0),
        (500, "internal_error", 0.0),
    ],
)
def test_failures_of_the_providers_are_counted_separately(
    capsys: pytest.CaptureFixture[str], status: int, code: str, counted: float
) -> None:
    """The alarm on provider errors uses only this rate."""
    assert printed(capsys, status, code=code)["ProviderErrors"] == [counted]


def test_a_sweep_prints_what_is_watched_of_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """They have a dimension of their own; a count that the database does not return is omitted, never 0."""
    counts = {"expired": 2, "refilled": 7, "failed": 1, "spent_usd": "0.75", "running": False}
    print_sweep("NexScout", counts, whole=True)
    line = json.loads(capsys.readouterr().out)
    [described] = line["_aws"]["CloudWatchMetrics"]
    assert (line["function"], described["Dimensions"]) == ("sweep", [["function"]])
    figures = {metric["Name"]: line[metric["Name"]] for metric in described["Metrics"]}
    assert figures == {"Sweeps": [1.0], "ExpiredHolds": [2.0], "Failures": [1.0], "SpentUSD": [0.75]}


def test_a_sweep_that_left_something_out_is_no_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    """The figures that it has are written anyway."""
    print_sweep("NexScout", {"expired": 2}, whole=False)
    line = json.loads(capsys.readouterr().out)
    assert (line["Sweeps"], line["ExpiredHolds"]) == ([0.0], [2.0])
