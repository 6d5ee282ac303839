"""The Chromium of the browser tests: one on PATH, else the one that `make browser` brought."""

import os
import shutil
import subprocess
from pathlib import Path

from local.project import PROJECT

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROUGHT = PROJECT / ".local" / "browser" / "chromium"
# Chromium heeds the last list of features alone; this is the one that Playwright starts it with.
WITHOUT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
)  # fmt: skip
# The pages of the address bar and a process kept in reserve take each new storage as much as the page that is tested.
BESIDE_THE_PAGE = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "SpareRendererForSitePerProcess",
)  # fmt: skip
# Root, and machines without the kernel features of the sandbox, can start it no other way; it sees our own pages alone.
# The rest keeps it from asking for updates and from a shared memory that containers keep small.
OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join((*WITHOUT, *BESIDE_THE_PAGE))}",
]


class NoBrowser(AssertionError):  # noqa: N818  # what it says
    """There is no Chromium: the tests fail, here as in CI, since what is skipped is shown by nothing."""

    def __init__(self) -> None:
        super().__init__(
            f"No Chromium: none of {', '.join(NAMES)} on PATH runs, and there is none at {BROUGHT}. "
            "Run `make browser`, which brings one, or install one (Debian: apt-get install chromium)."
        )


def find_chromium(path: str | None = None, brought: Path = BROUGHT) -> str:
    """The program to start, looked for as `local/browser.sh` does.

    Raises:
        NoBrowser: when there is none; never skips.
    """
    search = os.environ.get("PATH", "") if path is None else path
    candidates = [*(shutil.which(name, path=search) for name in NAMES), str(brought)]
    for candidate in candidates:
        if candidate is not None and runs(candidate):
            return candidate
    raise NoBrowser


def runs(program: str) -> bool:
    """Whether it tells its version; some are scripts that only tell to install something else."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
