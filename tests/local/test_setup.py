"""Set-up reports a missing requirement before it starts, and does nothing if everything is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.project import PROJECT
from tests.copies import stamp

SOURCES = ("local/setup.sh", "requirements/dev.lock", "pyproject.toml", "package.json", "package-lock.json")
TOOLS = ("sh", "cat", "df", "awk", "cksum", "dirname", "mkdir", "rm", "tail", "sleep", "grep", "touch")
OLD = "#!/bin/sh\nexit 1\n"
RIGHT_PYTHON = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
RIGHT_NODE = "#!/bin/sh\necho 22\n"
NO_SPACE = (
    "#!/bin/sh\nprintf 'Filesystem 1024-blocks Used Available Capacity Mounted\\nx 9 9 10240 9%% /\\n'\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy with set-up's files, and its own PATH with only basic tools."""
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    """Put a program on the PATH of the copy."""
    path = folder / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def set_up(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run set-up in the copy."""
    return subprocess.run(
        ["/bin/sh", "local/setup.sh"],
        cwd=folder,
        env={"PATH": str(folder / "bin"), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def python_part_is_done(folder: Path) -> None:
    """Write the stamps of installed Python packages."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(RIGHT_PYTHON)
    (programs / "python").chmod(0o755)
    stamp(folder, ".venv/.packages", "requirements/dev.lock")
    stamp(folder, ".venv/.project", "pyproject.toml")


def test_no_python_is_one_error_message(folder: Path) -> None:
    """The remedy names packages and the variable."""
    ended = set_up(folder)
    assert ended.returncode == 1
    assert ended.stderr.strip().startswith("nexscout: Python 3.11 or newer with venv is needed")
    assert "PYTHON=" in ended.stderr


def test_named_python_that_is_too_old_is_an_error(folder: Path) -> None:
    """An interpreter that the user names is not silently replaced by another."""
    program(folder, "python3", RIGHT_PYTHON)
    program(folder, "ancient", OLD)
    ended = set_up(folder, PYTHON="ancient")
    assert "PYTHON=ancient is not Python 3.11 or newer" in ended.stderr


def test_newer_python_is_found_beside_an_old_one(folder: Path) -> None:
    """An old python3 does not hide python3.12: the next missing requirement is Node."""
    program(folder, "python3", OLD)
    program(folder, "python3.12", RIGHT_PYTHON)
    ended = set_up(folder)
    assert "Node.js 20 or newer is needed, and no node was found" in ended.stderr


def test_old_node_is_an_error_with_its_version(folder: Path) -> None:
    """The error names the version that was found."""
    program(folder, "python3", RIGHT_PYTHON)
    program(folder, "node", '#!/bin/sh\n[ "$1" = --version ] && echo v18.1.0 || echo 18\n')
    ended = set_up(folder)
    assert "node is version v18.1.0" in ended.stderr


def test_full_disk_is_an_error_before_anything_is_installed(folder: Path) -> None:
    """Ten free megabytes are not enough."""
    program(folder, "python3", RIGHT_PYTHON)
    program(folder, "node", RIGHT_NODE)
    program(folder, "npm", OLD)
    program(folder, "df", NO_SPACE)
    ended = set_up(folder)
    assert "10 MB are free: make room" in ended.stderr
    assert not (folder / ".venv").exists()


def test_disk_that_fills_up_while_installing_is_reported(folder: Path) -> None:
    """The error says that the disk is full, instead of the installer's message."""
    python_part_is_done(folder)
    program(folder, "python3", RIGHT_PYTHON)
    program(folder, "node", RIGHT_NODE)
    program(folder, "npm", "#!/bin/sh\necho 'npm error code ENOSPC'\nexit 1\n")
    ended = set_up(folder)
    assert ended.returncode == 1
    assert "npm packages failed because the disk is full" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_failing_installer_shows_its_last_words_and_the_log(folder: Path) -> None:
    """The output shows the installer's last lines and the path of the log."""
    python_part_is_done(folder)
    program(folder, "python3", RIGHT_PYTHON)
    program(folder, "node", RIGHT_NODE)
    program(folder, "npm", "#!/bin/sh\necho 'npm error network'\nexit 1\n")
    ended = set_up(folder)
    assert "npm error network" in ended.stderr
    assert ".local/logs/setup.log" in ended.stderr


def test_installed_copy_needs_and_prints_nothing(folder: Path) -> None:
    """With all stamps in place, neither Node nor Python is looked for."""
    python_part_is_done(folder)
    (folder / "node_modules").mkdir()
    stamp(folder, "node_modules/.packages", "package.json package-lock.json")
    ended = set_up(folder)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_changed_lock_file_installs_again(folder: Path) -> None:
    """A stamp of another lock file does not count."""
    python_part_is_done(folder)
    (folder / "node_modules").mkdir()
    stamp(folder, "node_modules/.packages", "package.json package-lock.json")
    (folder / "requirements" / "dev.lock").write_text("changed")
    assert "Python 3.11 or newer" in set_up(folder).stderr
