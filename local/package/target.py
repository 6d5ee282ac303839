"""The platform for which a package is built."""

import platform
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """An interpreter and the wheels that it loads; without names those of the building interpreter."""

    name: str
    python_version: str
    machine: str
    wheel_platforms: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Return whether the building interpreter can compile for the target: .pyc files belong to one version."""
        return self.python_version == f"{sys.version_info.major}.{sys.version_info.minor}"


LAMBDA = Target("lambda", "3.13", "aarch64", ("manylinux2014_aarch64", "manylinux_2_28_aarch64"))
"""Python 3.13 on arm64, whose Amazon Linux 2023 has glibc 2.34."""

HOST = Target("host", f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine())
"""This machine, with the same package as far as it can run here."""
