"""Where the embedded server stores its files."""

import os
import pwd
from pathlib import Path

import pytest

from local.problem import Problem
from local.servers import postgres
from local.servers.postgres import Postgres
from local.servers.processes import Children
from local.servers.shelter import copy_binaries, installed_binaries, places, reachable, shelter_for

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root must run the server as somebody else")


@pytest.fixture
def shut(tmp_path: Path) -> Path:
    """Return a folder that only its owner may enter, as root's home is."""
    folder = tmp_path / "shut"
    folder.mkdir(mode=0o700)
    return folder


def test_ordinary_user_keeps_everything_in_the_project(shut: Path) -> None:
    """Without a change of user, the project's folder and the installed programs are used."""
    assert places(shut / "postgres", None) == (shut / "postgres", installed_binaries())


def test_own_folder_is_reachable_for_oneself(shut: Path) -> None:
    """The check is made for the present user."""
    assert reachable(shut, pwd.getpwuid(os.geteuid()).pw_name)


@needs_root
def test_shut_folder_of_root_gets_a_shelter(shut: Path) -> None:
    """Data and programs are where the server's user can reach them, and the project's folder says where."""
    home, binaries = places(shut / "postgres", "nobody")
    try:
        assert reachable(home, "nobody")
        assert reachable(binaries / "initdb", "nobody")
        assert (shut / "postgres" / "moved").resolve() == home
        assert places(shut / "postgres", "nobody") == (home, binaries)
    finally:
        Postgres(shut / "postgres", ephemeral=True).remove()
    assert not home.parent.exists()


@needs_root
def test_shelter_of_another_user_is_refused(shut: Path) -> None:
    """A folder of another user at that path is never used."""
    home = shelter_for(shut, "nobody")
    nobody = pwd.getpwnam("nobody").pw_uid
    try:
        os.chown(home.parent, nobody, -1)
        with pytest.raises(Problem, match="belongs to another user"):
            shelter_for(shut, "nobody")
    finally:
        home.rmdir()
        home.parent.rmdir()


@needs_root
def test_link_at_the_place_of_a_shelter_is_refused(shut: Path, tmp_path: Path) -> None:
    """A symbolic link at that path is not followed."""
    home = shelter_for(shut, "nobody")
    home.rmdir()
    home.parent.rmdir()
    home.parent.symlink_to(tmp_path)
    try:
        with pytest.raises(Problem, match="belongs to another user"):
            shelter_for(shut, "nobody")
    finally:
        home.parent.unlink()


def test_copied_programs_are_copied_once(tmp_path: Path) -> None:
    """A second start does not overwrite programs that may be running."""
    home = tmp_path / "postgres"
    home.mkdir()
    binaries = copy_binaries(installed_binaries(), home)
    (binaries / "initdb").unlink()
    assert copy_binaries(installed_binaries(), home) == binaries
    assert not (binaries / "initdb").exists()


def test_server_that_cannot_start_error_names_the_log_and_the_remedy(tmp_path: Path) -> None:
    """A data folder that is not a cluster is explained without a traceback."""
    log = tmp_path / "log"
    server = Postgres(tmp_path / "postgres", ephemeral=True)
    children = Children(tmp_path / "processes.json")
    try:
        server.start(children, log)
        children.stop_all()
        server._data.joinpath("global", "pg_control").unlink()  # noqa: SLF001 - the damage itself
        with pytest.raises(Problem, match="RESET=1"):
            server.start(children, log)
    finally:
        children.stop_all()
        server.remove()


def test_full_disk_is_reported_as_such(tmp_path: Path) -> None:
    """The message depends on the server's own words in the log."""
    log = tmp_path / "log"
    log.write_text("FATAL:  could not write lock file: No space left on device")
    assert "is full: make room" in postgres.explain("PostgreSQL did not start", log, tmp_path)
