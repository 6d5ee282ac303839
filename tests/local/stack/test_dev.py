"""Parts of `nexscout dev` that need no stack."""

import os
import signal
import threading
from pathlib import Path

import pytest

from local.problem import Problem
from local.servers import provider
from local.servers.processes import Children
from local.stack.dev import only_one, set_by_signals, stay
from local.stack.stack import Stack


def test_second_holder_of_the_folder_is_refused(tmp_path: Path) -> None:
    """The error names the process that holds the lock."""
    with only_one(tmp_path), pytest.raises(Problem, match=f"process {os.getpid()}"), only_one(tmp_path):
        pass


def test_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    """The lock is released when its holder ends."""
    with only_one(tmp_path):
        pass
    with only_one(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_asks_to_stop_and_raises_nothing(sent: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal all set the event, however often they come."""
    stop = threading.Event()
    with set_by_signals(stop):
        os.kill(os.getpid(), sent)
        os.kill(os.getpid(), sent)
        assert stop.wait(5)


def test_signals_are_as_before_afterwards() -> None:
    """The caller's own handlers are restored."""
    before = signal.getsignal(signal.SIGTERM)
    with set_by_signals(threading.Event()):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_stay_ends_when_asked_to_stop(stack: Stack) -> None:
    """A set event ends the wait, without a message."""
    stop = threading.Event()
    stop.set()
    assert stay(stack, stop) is None


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ({}, False),
        ({"OPENAI_API_KEY": ""}, False),
        ({"OPENAI_API_KEY": "sk-x"}, True),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}, True),
    ],
)
def test_caller_with_a_provider_gets_no_simulated_one(*, caller: dict[str, str], expected: bool) -> None:
    """With an API key the real provider is used, with a base URL any compatible server."""
    assert provider.configured(caller) is expected


def test_stack_of_a_caller_with_a_key_keeps_it_from_the_file(tmp_path: Path) -> None:
    """The key of the real provider reaches the functions and is not written into the file."""
    stack = Stack(
        tmp_path, ephemeral=True, caller={"OPENAI_API_KEY": "sk-real", "SUPABASE_URL": "https://hosted"}
    )
    try:
        assert stack.env["OPENAI_BASE_URL"] == "https://api.openai.com/v1"
        assert "sk-real" not in stack.env.values()
        functions = stack.function_environment()
        assert functions["OPENAI_API_KEY"] == "sk-real"
        assert functions["SUPABASE_URL"] == stack.url
    finally:
        stack.stop()


def test_stack_of_a_caller_with_an_address_uses_it(tmp_path: Path) -> None:
    """A compatible server such as Ollama is used at the caller's address."""
    with_address = {"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}
    stack = Stack(tmp_path, ephemeral=True, caller=with_address)
    try:
        assert stack.env["OPENAI_BASE_URL"] == "http://127.0.0.1:11434/v1"
    finally:
        stack.stop()


def test_record_of_no_children_is_no_file(tmp_path: Path) -> None:
    """A stack that never started leaves no file."""
    Children(tmp_path / "processes.json").stop_orphans()
    assert list(tmp_path.iterdir()) == []
