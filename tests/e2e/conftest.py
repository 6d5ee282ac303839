"""One copy of the project with `make dev` running in it."""

from collections.abc import Iterator

import pytest

from tests.copies import Dev, clone, dev


@pytest.fixture(scope="session")
def running_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """`make dev`, started from nothing in a fresh copy."""
    with clone(tmp_path_factory.mktemp("clone")) as folder, dev(folder) as running:
        yield running
