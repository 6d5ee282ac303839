"""The whole stack, deployed by the deployment framework to an emulator of the platform on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx

from local.package.__main__ import build
from local.package.target import HOST as HERE
from local.servers import queues
from local.servers.ports import HOST, accepts, free_port
from local.stack.stack import Stack
from tests.infra.deployment import FRAMEWORK, Deployment, prepare
from tests.proofs.wait import wait_until

if TYPE_CHECKING:
    from botocore.client import BaseClient

STAGE = "dev"
REGION = queues.CREDENTIALS["AWS_DEFAULT_REGION"]
SECRET = ("SUPABASE_SECRET_KEY", "SUPABASE_JWT_SECRET", "OPENAI_API_KEY")
PLAIN = ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY")


@dataclass(frozen=True)
class Cloud:
    """A deployed stage: clients of its services by their names, and its HTTP API."""

    endpoint: str
    api_id: str

    def client(self, service: str) -> Any:  # noqa: ANN401  # boto3 makes its clients at run time
        """Return a client of a service."""
        return client(self.endpoint, service)

    def invoke(self, function: str) -> dict[str, Any]:
        """Call a function as its schedule does, and return its reply."""
        name = f"nexscout-{STAGE}-{function}"
        reply = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"source": "aws.events"}))
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
        return answer

    def queue(self, name: str) -> str:
        """Return the address of a queue."""
        url: str = self.client("sqs").get_queue_url(QueueName=f"nexscout-{STAGE}-{name}")["QueueUrl"]
        return url

    def messages(self, name: str) -> list[str]:
        """Return the messages in a queue."""
        received = self.client("sqs").receive_message(QueueUrl=self.queue(name), MaxNumberOfMessages=10)
        return [message["Body"] for message in received.get("Messages", [])]

    def http(self) -> httpx.AsyncClient:
        """Return a client of the HTTP API; the emulator recognises it by the host name."""
        host = f"{self.api_id}.execute-api.{self.endpoint.removeprefix('http://')}"
        return httpx.AsyncClient(base_url=self.endpoint, headers={"host": host}, timeout=60)


def client(endpoint: str, service: str) -> "BaseClient":
    """Return a client of a service of the emulator."""
    session = boto3.session.Session(
        queues.CREDENTIALS["AWS_ACCESS_KEY_ID"],
        queues.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    made: BaseClient = session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]
    return made


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Yield the address of the emulator, on one loopback port, with its state in the folder."""
    port = free_port()
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_REGION": REGION, "TMPDIR": str(folder)}
    env |= queues.CREDENTIALS | queues.server_settings(port, folder)
    with (folder / "emulator.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], cwd=folder, env=env, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: accepts(port), 60)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def deployed(stack: Stack, folder: Path) -> Iterator[Cloud]:
    """Deploy the zips for this machine, with the parameters of the guide."""
    state = folder / "state"
    state.mkdir()
    with emulator(state) as endpoint:
        ssm: Any = client(endpoint, "ssm")
        for name in PLAIN + SECRET:
            kind = "SecureString" if name in SECRET else "String"
            ssm.put_parameter(Name=f"/nexscout/{STAGE}/{name}", Value=stack.env[name], Type=kind)
        prepare(folder, build(HERE))
        run(folder, endpoint, "package", "--param", f"openaiBaseUrl={stack.env['OPENAI_BASE_URL']}")
        leave_out_what_the_emulator_lacks(folder / ".serverless")
        run(folder, endpoint, "deploy", "--package", ".serverless")
        outputs: Any = client(endpoint, "cloudformation")
        [found] = outputs.describe_stacks(StackName=f"nexscout-{STAGE}")["Stacks"]
        named = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
        yield Cloud(endpoint, named["HttpApiId"])


def run(folder: Path, endpoint: str, *words: str) -> None:
    """Run the framework against the emulator."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ENDPOINT_URL": endpoint}
    ended = subprocess.run(
        ["node", FRAMEWORK, *words, "--stage", STAGE],
        cwd=folder,
        env=env | queues.CREDENTIALS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def leave_out_what_the_emulator_lacks(folder: Path) -> None:
    """Remove alarms on an expression of several metrics; tests/infra checks those."""
    path = folder / "cloudformation-template-update-stack.json"
    template = Deployment(STAGE, path).template
    resources = template["Resources"].items()
    template["Resources"] = {
        name: each for name, each in resources if "Metrics" not in each.get("Properties", {})
    }
    path.write_text(json.dumps(template))
    state_path = folder / "serverless-state.json"
    state = json.loads(state_path.read_text())
    state["service"]["provider"]["compiledCloudFormationTemplate"] = template
    state_path.write_text(json.dumps(state))
