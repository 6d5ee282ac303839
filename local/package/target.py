"""What a package is built for."""

import platform
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """An interpreter and the wheels that it loads; none named are those of the interpreter that builds."""

    name: str
    python_version: str
    machine: str
    wheel_platforms: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether the building interpreter compiles for the target: .pyc files are of one version."""
        return self.python_version == f"{sys.version_info.major}.{sys.version_info.minor}"


LAMBDA = Target("lambda", "3.13", "aarch64", ("manylinux2014_aarch64", "manylinux_2_28_aarch64"))
"""Python 3.13 on arm64, whose Amazon Linux 2023 has glibc 2.34."""

HOST = Target("host", f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine())
"""This machine: the same package as far as it can run here."""
