"""Each stage is packaged once: dev as it stands, prod with everything that a parameter can switch on."""

import pytest

from tests.infra.deployment import Deployment, package

EVERYTHING = {
    "alarmEmail": "somebody@example.com",
    "distribution": "on",
    "sweepConcurrency": "1",
    "generateConcurrency": "20",
}


@pytest.fixture(scope="session", params=["dev", "prod"])
def deployed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A packaged stage."""
    stage = str(request.param)
    folder = tmp_path_factory.mktemp(stage)
    ended = package(stage, folder, **(EVERYTHING if stage == "prod" else {}))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Deployment(stage, folder / ".serverless" / "cloudformation-template-update-stack.json")
