"""A scan of any size: every row is scanned, and the worker's memory stays bounded."""

from collections import Counter
from pathlib import Path

import psycopg
import pytest

from bench.scans import scan_figures
from local.commands.invoke import sign_in
from local.stack.stack import Stack
from tests.proofs.figures import show

MOST_MB = 300


@pytest.mark.soak
async def test_a_hundred_thousand_rows_are_scanned_in_bounded_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All 100,000 people are found, with at most 300 MB of memory, and exactly 2,000 blocks are charged."""
    with Stack(tmp_path, ephemeral=True) as stack:
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute("update public.ai_tiers set calls_per_minute = 1000000")
        token = sign_in(stack.env, stack.env["DEMO_EMAIL"], stack.env["DEMO_PASSWORD"])
        async for figures in scan_figures(stack, token, (1_000, 100_000)):
            assert figures.found == figures.rows
            peak = figures.worker_peak_mb
            took = {f"{figures.milliseconds_each:.2f} ms each": 1, f"{peak} MB at most": 1}
            show(capsys, f"{figures.rows} rows", Counter(took))
            assert peak is None or peak < MOST_MB
        with psycopg.connect(stack.database_url) as connection:
            left = connection.execute(
                "select current_energy from public.user_energy where user_id = %s",
                [stack.env["DEMO_USER_ID"]],
            ).fetchone()
    assert left == (0,)
