"""The sweep: its parts run independently, and its figures are reported."""

import json
from typing import Any

import pytest

from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.errors import ServiceUnavailable
from shared.sweep import sweep
from tests.apps import services_on
from tests.books import Books
from tests.conftest import Database, NewUser
from tests.wire import answer, wire_before


def metrics(output: str) -> list[dict[str, Any]]:
    """Return the lines that the platform reads as metrics."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


async def test_a_sweep_reports_its_figures(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """There is one line in the namespace, under the function's name."""
    async with services_on(stack, METRICS_NAMESPACE="nexscout-test") as services:
        await sweep(services, Deadline.starting(10))
    (line,) = metrics(capsys.readouterr().out)
    assert (line["function"], line["Sweeps"]) == ("sweep", [1.0])
    assert {"ExpiredHolds", "Failures", "ScansResent", "JobsResent"} <= line.keys()


@pytest.mark.parametrize("away", ["ai_sweep", "scan_requeue", "ai_requeue_jobs"])
async def test_a_part_that_fails_keeps_no_other_from_being_done(
    stack: Stack, new_user: NewUser, database: Database, capsys: pytest.CaptureFixture[str], away: str
) -> None:
    """The rest is done, the invocation counts as failed, and the metrics count no sweep."""
    user = new_user("pro", 500)
    async with wire_before(stack.upstream_url) as wire:
        wire.meet(away, answer(503))
        env = {"SUPABASE_URL": wire.url, "METRICS_NAMESPACE": "nexscout-test"}
        async with services_on(stack, None, **env) as services:
            with pytest.raises(ServiceUnavailable):
                await sweep(services, Deadline.starting(10))
        assert wire.names() == ["ai_sweep", "scan_requeue", "ai_requeue_jobs"]
    assert [line["Sweeps"] for line in metrics(capsys.readouterr().out)] == [[0.0]]
    Books(database, user).assert_nothing_charged(500)
