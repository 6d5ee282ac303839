"""A simulated provider of its own for these tests, apart from the stack's."""

from collections.abc import Iterator

import pytest

from tests.local.provider_server import ProviderServer, running


@pytest.fixture(scope="session")
def _simulator() -> Iterator[ProviderServer]:
    with running() as server:
        yield server


@pytest.fixture
def simulator(_simulator: ProviderServer) -> ProviderServer:
    """A simulated provider that has seen nothing and has no fault waiting."""
    _simulator.control("DELETE", "/control")
    return _simulator
