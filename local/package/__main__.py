"""`make package`: the deployed zips, in .local/package/, and for each a list of its third-party packages."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local.gateway import function_apps
from local.package import archive, contents, sbom, wheels
from local.package.target import HOST, LAMBDA, Target
from local.problem import Problem
from local.project import PROJECT

FOLDER = PROJECT / ".local" / "package"


def build(target: Target, folder: Path = FOLDER) -> dict[str, Path]:
    """Return the zip of every function for the target, by the function's name.

    Raises:
        Problem: when the dependencies cannot be installed.
    """
    site = wheels.installed(target, folder / "wheels")
    built = {}
    for name in function_apps.names():
        built[name] = folder / target.name / f"{name}.zip"
        entries = contents.of_function(name.replace("-", "_"), site)
        archive.write(built[name], entries, compiled=target.is_here)
    return built


def main() -> None:
    """Build for the cloud, or with --host for this machine; list the contents and print the sizes."""
    target = HOST if "--host" in sys.argv[1:] else LAMBDA
    table = Table("package", "MB", title=f"Python {target.python_version} on {target.machine}")
    try:
        for name, path in build(target).items():
            sbom.write(path.with_suffix(".cdx.json"), name, wheels.installed(target, FOLDER / "wheels"))
            table.add_row(str(path.relative_to(PROJECT)), f"{path.stat().st_size / 1e6:.1f}")
    except Problem as problem:
        sys.exit(f"nexscout: {problem}")
    Console().print(table)


if __name__ == "__main__":
    main()
