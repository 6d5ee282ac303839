"""Each stage is packaged once: dev with the defaults, prod with everything that a parameter can switch on."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.infra.deployment import Deployment, package

EVERYTHING = {
    "alarmEmail": "somebody@example.com",
    "distribution": "on",
    "sweepConcurrency": "1",
    "generateConcurrency": "20",
}


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Deployment]:
    """Return what packages a stage at its first use."""

    @cache
    def stage_of(stage: str) -> Deployment:
        folder = tmp_path_factory.mktemp(stage)
        ended = package(stage, folder, **(EVERYTHING if stage == "prod" else {}))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return Deployment(stage, folder / ".serverless" / "cloudformation-template-update-stack.json")

    return stage_of


@pytest.fixture(scope="session", params=["dev", "prod"])
def deployed(request: pytest.FixtureRequest, packaged: Callable[[str], Deployment]) -> Deployment:
    """Return a packaged stage."""
    return packaged(str(request.param))
