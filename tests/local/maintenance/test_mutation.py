"""`make mutation`: a survivor fails, and so do too few mutants."""

import pytest

from local.maintenance.mutation import MIN_MUTANTS, report

ALL_KILLED = {f"shared.ai.money.x_{number}": "killed" for number in range(MIN_MUTANTS)}


@pytest.mark.parametrize(
    ("states", "code", "line"),
    [
        (ALL_KILLED, 0, "450 mutants: 450 killed."),
        (ALL_KILLED | {"shared.deadline.y": "survived"}, 1, "shared.deadline.y: survived"),
        (ALL_KILLED | {"shared.deadline.y": "no tests"}, 1, "451 mutants: 450 killed, 1 no tests."),
        (dict(list(ALL_KILLED.items())[1:]), 1, "At least 450 are wanted"),
        ({}, 1, "0 mutants: none."),
    ],
)
def test_survivors_and_too_few_mutants_fail(
    states: dict[str, str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each survivor is named, and the figures are shown."""
    assert report(states) == code
    assert line in capsys.readouterr().out
