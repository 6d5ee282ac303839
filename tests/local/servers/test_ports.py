"""Loopback ports."""

import socket

import pytest

from local.problem import Problem
from local.servers.ports import HOST, accepts, free_port, listen


def test_taken_port_error_names_the_remedy() -> None:
    """The error names the port and another one to try."""
    with listen(0) as holder, pytest.raises(Problem) as raised:
        listen(holder.getsockname()[1])
    assert "is taken" in str(raised.value)
    assert "PORT=" in str(raised.value)


def test_listening_port_accepts() -> None:
    """A listening socket accepts connections before a server uses it."""
    with listen(0) as holder:
        assert accepts(holder.getsockname()[1])


def test_closed_port_does_not_accept() -> None:
    """Nothing listens on a port that is free."""
    assert not accepts(free_port())


def test_preferred_port_is_given_when_free() -> None:
    """A free preferred port is returned."""
    port = free_port()
    assert free_port(port) == port


def test_taken_preferred_port_gives_another() -> None:
    """If the preferred port is taken, another one is returned without an error."""
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert free_port(taken) not in (0, taken)
