"""A simulated provider of its own for these tests, apart from the stack's."""

from collections.abc import Iterator

import pytest

from tests.local.provider.server import ProviderServer, running


@pytest.fixture(scope="session")
def session_simulator() -> Iterator[ProviderServer]:
    """The one simulated provider of these tests, whatever it has seen."""
    with running() as server:
        yield server


@pytest.fixture
def simulator(session_simulator: ProviderServer) -> ProviderServer:
    """A simulated provider that has seen nothing and has no fault waiting."""
    session_simulator.control("DELETE", "/control")
    return session_simulator
