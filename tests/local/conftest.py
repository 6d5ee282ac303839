"""A simulated provider for these tests, separate from the stack's."""

from collections.abc import Iterator

import pytest

from tests.local.provider.server import ProviderServer, running


@pytest.fixture(scope="session")
def session_simulator() -> Iterator[ProviderServer]:
    """Yield the one simulated provider of these tests, with the requests of earlier tests."""
    with running() as server:
        yield server


@pytest.fixture
def simulator(session_simulator: ProviderServer) -> ProviderServer:
    """Return a simulated provider without requests and faults."""
    session_simulator.control("DELETE", "/control")
    return session_simulator
