"""The CloudFormation template that the framework builds from serverless.yml."""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.gateway import function_apps
from local.project import PROJECT

FRAMEWORK = PROJECT / "node_modules" / "osls" / "bin" / "serverless.js"

Resource = dict[str, Any]

STREAMING = ("generate-ai-content", "public-chatbot-chat")
"""The functions that stream, each by an entry of its own beside the one of the API."""


def package(stage: str, folder: Path, **params: str) -> subprocess.CompletedProcess[str]:
    """Package a stage in an empty folder: no credentials, an empty home, empty zips in place of the real ones."""
    empty = folder / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    prepare(folder, dict.fromkeys(function_apps.names(), empty))
    given = [word for name, value in params.items() for word in ("--param", f"{name}={value}")]
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        ["node", FRAMEWORK, "package", "--stage", stage, *given],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def prepare(folder: Path, zips: Mapping[str, Path]) -> None:
    """Copy the files that a deployment reads into an empty folder, with these zips of the functions."""
    shutil.copy(PROJECT / "serverless.yml", folder)
    shutil.copytree(PROJECT / "deploy", folder / "deploy", dirs_exist_ok=True)
    (folder / "local").mkdir(exist_ok=True)
    shutil.copy(PROJECT / "local" / "invoke_local.js", folder / "local")
    place = folder / ".local" / "package" / "lambda"
    place.mkdir(parents=True, exist_ok=True)
    for name, path in zips.items():
        shutil.copy(path, place / f"{name}.zip")


@dataclass(frozen=True)
class Deployment:
    """A packaged stage."""

    stage: str
    path: Path

    @property
    def template(self) -> dict[str, Any]:
        """Return the whole template."""
        parsed: dict[str, Any] = json.loads(self.path.read_text())
        return parsed

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the properties of the resources of a type, by their logical id."""
        resources = self.template["Resources"].items()
        return {name: each["Properties"] for name, each in resources if each["Type"] == kind}

    def functions(self) -> dict[str, Resource]:
        """Return the properties of the functions, by their name without the stage."""
        prefix = f"nexscout-{self.stage}-"
        found = self.of_type("AWS::Lambda::Function").values()
        return {each["FunctionName"].removeprefix(prefix): each for each in found}

    def logical_id(self, function: str) -> str:
        """Return the logical id of a function."""
        [found] = [
            name
            for name, each in self.of_type("AWS::Lambda::Function").items()
            if each["FunctionName"] == f"nexscout-{self.stage}-{function}"
        ]
        return found

    def queues_of(self) -> dict[str, str]:
        """Return the queue that feeds each function, by the function's logical id."""
        mappings = self.of_type("AWS::Lambda::EventSourceMapping").values()
        return {
            each["FunctionName"]["Fn::GetAtt"][0]: each["EventSourceArn"]["Fn::GetAtt"][0]
            for each in mappings
        }


def texts(value: object) -> Iterator[str]:
    """Yield every text in a JSON value, keys included."""
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in value.items():
                yield str(key)
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)
