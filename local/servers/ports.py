"""Loopback ports."""

import errno
import socket

from local.problem import Problem

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Return a listening socket on `port` (0: any free one).

    It is kept from the start, so that a taken port is noticed before anything else is started.

    Raises:
        Problem: when the port is taken or needs rights that this user lacks.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise Problem(explain(port, error)) from error
    listener.listen(1024)
    return listener


def explain(port: int, error: OSError) -> str:
    """Return why a port cannot be used, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: stop what uses it, or choose another one, such as PORT={port + 100}."
    if error.errno == errno.EACCES:
        return f"port {port} needs special rights: choose one above 1023, such as PORT=54321."
    return f"port {port} cannot be used ({error.strerror}): choose another one, such as PORT=54321."


def free_port(preferred: int = 0) -> int:
    """Return `preferred` if it is free, else any free port."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Problem("no loopback port is free: close some programs and try again.")


def accepts(port: int) -> bool:
    """Return whether a server listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
