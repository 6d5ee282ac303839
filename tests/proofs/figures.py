"""Figures of a proof, printed while it runs."""

import sys
from collections import Counter

import pytest


def show(capsys: pytest.CaptureFixture[str], what: str, counts: Counter[str]) -> None:
    """Print the figures."""
    with capsys.disabled():
        text = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        sys.stdout.write(f"\n{what}: {text} ")
