"""`make dev` from a user's view."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.servers.ports import accepts, free_port, listen
from local.servers.postgres import Postgres
from local.servers.processes import started_at
from tests.copies import Dev, bare_copy, clone, dev, own_environment, start_dev


def bash(folder: Path, script: str) -> str:
    """Return what a script pasted into bash prints."""
    pasted = subprocess.run(
        ["bash", "-e"],
        input=script,
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
        env=own_environment(),
    )
    assert pasted.returncode == 0, pasted.stderr
    return pasted.stdout


def recorded(folder: Path) -> list[int]:
    """Return the ids of the processes of the stack in a folder."""
    return [int(pid) for pid in json.loads((folder / ".local" / "processes.json").read_text())]


def assert_nothing_is_left(running: Dev, pids: list[int]) -> None:
    """Assert that no process runs and the port is free."""
    assert [pid for pid in pids if started_at(pid)] == []
    assert not accepts(running.port)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a copy in which a stack is started several times."""
    with clone(tmp_path_factory.mktemp("again")) as made:
        yield made


def test_shown_curl_works_when_pasted(running_dev: Dev) -> None:
    """The lines under "Try it" return a message when pasted in any folder."""
    reply = json.loads(bash(Path("/"), running_dev.shown.partition("Try it:")[2]))
    assert reply["success"] is True
    assert reply["message"]


def test_env_file_and_banner_agree(running_dev: Dev) -> None:
    """The printed values equal those in the file."""
    lines = (running_dev.folder / ".local" / "env").read_text().splitlines()
    env = dict(line.split("=", 1) for line in lines)
    assert env["SUPABASE_URL"] == f"http://127.0.0.1:{running_dev.port}"
    for name in (
        "SUPABASE_PUBLISHABLE_KEY",
        "SUPABASE_SECRET_KEY",
        "DATABASE_URL",
        "DEMO_EMAIL",
        "OTHER_EMAIL",
    ):
        assert env[name] in running_dev.shown


def test_shown_chat_page_is_there(running_dev: Dev) -> None:
    """The address opens the page of the first example workspace."""
    address = f"http://127.0.0.1:{running_dev.port}/chat/demo"
    assert address in running_dev.shown
    page = httpx.get(address)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_request_is_shown_as_one_line(running_dev: Dev) -> None:
    """A refused call appears with function, status, code and milliseconds."""
    httpx.post(f"http://127.0.0.1:{running_dev.port}/functions/v1/generate-ai-content", json={})
    assert running_dev.process.stdout is not None
    lines = iter(running_dev.process.stdout.readline, "")
    line = next(line for line in lines if " 401 " in line)
    assert line.split()[1:4] == ["generate-ai-content", "401", "unauthorized"]
    assert line.endswith(" ms\n")


def test_ctrl_c_leaves_no_process_and_a_free_port(folder: Path) -> None:
    """After Ctrl-C no process runs."""
    with dev(folder) as running:
        pids = recorded(running.folder)
        assert pids
        running.press_ctrl_c()
        assert "Stopped." in running.rest()
    assert_nothing_is_left(running, pids)


def test_ctrl_c_while_starting_leaves_no_process(folder: Path) -> None:
    """Ctrl-C while starting stops it at the next step."""
    port = free_port()
    process = start_dev(folder, f"PORT={port}")
    assert process.stdout is not None
    next(line for line in process.stdout if "Starting the Supabase API" in line)
    pids = recorded(folder)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert "Stopped." in said
    assert "is ready" not in said
    assert [pid for pid in pids if started_at(pid)] == []
    assert not accepts(port)


def test_sigterm_stops_like_ctrl_c(folder: Path) -> None:
    """SIGTERM, which service managers send, stops it too."""
    with dev(folder) as running:
        pids = recorded(running.folder)
        os.kill(running.process.pid, signal.SIGTERM)
        assert "Stopped." in running.rest()
    assert_nothing_is_left(running, pids)


def test_death_of_one_part_stops_the_rest(folder: Path) -> None:
    """If a part ends by itself, it is named and everything else is stopped."""
    with dev(folder) as running:
        pids = recorded(running.folder)
        os.kill(pids[2], signal.SIGKILL)
        said = running.rest()
    assert "@supabase/lite ended by itself" in said
    assert running.process.returncode != 0
    assert_nothing_is_left(running, pids)


def test_start_after_a_kill_tidies_up(folder: Path) -> None:
    """The next start ends the processes of a killed stack, and has its data."""
    with dev(folder) as killed:
        pids = recorded(killed.folder)
        os.kill(int((folder / ".local" / "lock").read_text()), signal.SIGKILL)
        killed.rest()
    with dev(folder):
        assert [pid for pid in pids if started_at(pid)] == []


@pytest.fixture
def used_folder(folder: Path) -> Path:
    """Return the copy, in which a stack has run at least once."""
    if not (folder / ".local" / "env").exists():
        with dev(folder):
            pass
    return folder


def test_reset_starts_from_nothing_with_the_same_keys(used_folder: Path) -> None:
    """The data is new: users have new ids; a configured web client still has the right key."""
    env = used_folder / ".local" / "env"
    before = dict(line.split("=", 1) for line in env.read_text().splitlines())
    with dev(used_folder, "RESET=1"):
        after = dict(line.split("=", 1) for line in env.read_text().splitlines())
    assert after["DEMO_USER_ID"] != before["DEMO_USER_ID"]
    assert after["SUPABASE_PUBLISHABLE_KEY"] == before["SUPABASE_PUBLISHABLE_KEY"]


def refused(folder: Path, port: int) -> str:
    """Return what `make dev` prints when it cannot start."""
    ended = subprocess.run(
        ["make", "dev", f"PORT={port}"],
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
        env=own_environment(),
    )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_taken_port_is_one_error_message(folder: Path) -> None:
    """The error names the port that another program uses, and how to use another one."""
    with listen(0) as holder:
        port = holder.getsockname()[1]
        said = refused(folder, port)
    assert f"nexscout: port {port} is taken" in said
    assert f"PORT={port + 100}" in said


def test_second_start_in_the_same_folder_is_one_error_message(running_dev: Dev) -> None:
    """A second stack in the same data folder is refused, on any port."""
    assert "already runs" in refused(running_dev.folder, free_port())


@pytest.mark.soak
def test_bare_clone_starts_and_answers(tmp_path: Path) -> None:
    """`make dev` alone installs everything from the lock files; this takes a minute and a registry."""
    folder = bare_copy(tmp_path / "clone")
    with dev(folder) as running:
        reply = json.loads(bash(Path("/"), running.shown.partition("Try it:")[2]))
    Postgres(folder / ".local" / "postgres", ephemeral=True).remove()
    assert reply["success"] is True
