"""The Chromium of the browser tests: one on PATH, else the one that `make browser` installed."""

import os
import shutil
import subprocess
from pathlib import Path

from local.project import PROJECT

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROUGHT = PROJECT / ".local" / "browser" / "chromium"
# Chromium uses only the last list of features; this is the list with which Playwright starts it.
WITHOUT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
)  # fmt: skip
# The pages of the address bar and a spare process cost as much for each new storage as the page under test.
BESIDE_THE_PAGE = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "SpareRendererForSitePerProcess",
)  # fmt: skip
# Root, and machines without the kernel's sandbox features, can start it only without; it opens only our own pages.
# The other options stop its update checks, and its use of shared memory, which is small in containers.
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
    """There is no Chromium: the tests fail, here and in CI, since a skipped test shows nothing."""

    def __init__(self) -> None:
        super().__init__(
            f"No Chromium: none of {', '.join(NAMES)} on PATH runs, and there is none at {BROUGHT}. "
            "Run `make browser`, which brings one, or install one (Debian: apt-get install chromium)."
        )


def find_chromium(path: str | None = None, brought: Path = BROUGHT) -> str:
    """Return the program to start, searched as `local/browser.sh` does.

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
    """Return whether it prints its version; some scripts only ask to install something else."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
