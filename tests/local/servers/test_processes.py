"""Child processes of a stack: started, stopped, and found again."""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local.servers.processes import Child, Children, Program, from_ps, started_at

READY = (
    # A background runner starts its children with SIGINT ignored.
    "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); print('ready', flush=True); signal.pause()"
)
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
)


@pytest.fixture
def children(tmp_path: Path) -> Children:
    """Return an object without children."""
    return Children(tmp_path / "processes.json")


def sleeper(folder: Path, *, piped: bool = False, code: str = "import signal; signal.pause()") -> Program:
    """Return a program that runs until it gets its stop signal."""
    return Program(
        name="sleeper",
        command=[sys.executable, "-c", code],
        log=folder / "log",
        env=os.environ,
        cwd=folder,
        piped=piped,
    )


def has_ended(child: Child) -> bool:
    """Return whether the process has ended and was waited for."""
    return child.process.returncode is not None and started_at(child.process.pid) == ""


def test_running_children_have_ended_after_stop_all(children: Children, tmp_path: Path) -> None:
    """Stopping ends every child and removes its id from the record."""
    first, second = children.start(sleeper(tmp_path)), children.start(sleeper(tmp_path))
    children.stop_all()
    assert has_ended(first)
    assert has_ended(second)
    assert not (tmp_path / "processes.json").exists()


def test_child_that_ended_by_itself_is_reported(children: Children, tmp_path: Path) -> None:
    """A child that ended by itself is listed, and the others still stop."""
    ended, alive = children.start(sleeper(tmp_path, code="")), children.start(sleeper(tmp_path))
    ended.process.wait()
    assert children.ended() == [ended]
    children.stop_all()
    assert has_ended(alive)


def test_child_that_ignores_the_signal_is_killed(children: Children, tmp_path: Path) -> None:
    """A child that ignores the signal is killed when the patience is over."""
    child = children.start(sleeper(tmp_path, piped=True, code=DEAF))
    assert child.process.stdout is not None
    assert child.process.stdout.readline() == b"deaf\n"
    child.stop(patience_seconds=0.01)
    child.process.stdout.close()
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_orphan_is_ended_by_the_next_stack(
    children: Children, tmp_path: Path, stop_signal: signal.Signals
) -> None:
    """A process of a killed stack is found by its recorded id and gets its own stop signal; it may ignore others."""
    program = replace(sleeper(tmp_path, piped=True, code=READY), stop_signal=stop_signal)
    child = children.start(program)
    assert child.process.stdout is not None
    # An interpreter that is still starting may ignore the signal.
    assert child.process.stdout.readline() == b"ready\n"
    Children(tmp_path / "processes.json").stop_orphans()
    child.process.stdout.close()
    assert child.process.wait() == -stop_signal


def test_reused_id_is_left_alone(children: Children, tmp_path: Path) -> None:
    """A recorded id that another process uses now is not touched."""
    child = children.start(sleeper(tmp_path))
    record = tmp_path / "processes.json"
    record.write_text(json.dumps({child.process.pid: ("before", signal.SIGTERM)}))
    Children(record).stop_orphans()
    assert child.process.poll() is None
    children.stop_all()


def test_child_is_outside_the_terminals_group(children: Children, tmp_path: Path) -> None:
    """Ctrl-C on the terminal reaches only the stack's owner."""
    child = children.start(sleeper(tmp_path))
    assert os.getpgid(child.process.pid) != os.getpgrp()
    children.stop_all()


def test_ps_knows_a_running_process_and_no_other() -> None:
    """Where there is no /proc, ps prints state and start time."""
    state, began = from_ps(os.getpid())
    assert state
    assert began
    assert from_ps(2**22 + 1) == ("", "")
