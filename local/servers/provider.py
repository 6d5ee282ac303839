"""The model provider of a stack: the caller's own if one is configured, else the simulated one."""

import importlib.util
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from local.servers.ports import HOST, free_port
from local.servers.processes import Children, Program
from local.servers.readiness import wait_for_port

APP = "local.provider.app"
OPENAI = "https://api.openai.com/v1"
KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep an idle connection, as real providers do: the client must close it, never the server."""


def configured(caller: Mapping[str, str]) -> bool:
    """Return whether the caller's environment configures a provider: an API key, or another base URL."""
    return bool(caller.get("OPENAI_API_KEY") or caller.get("OPENAI_BASE_URL"))


def placeholder_key(secret: str) -> str:
    """Return a key for the simulated provider; each stack has another one, so that a leaked key can be traced."""
    return f"local-{sha256(secret.encode()).hexdigest()[:32]}"


def start(children: Children, env: Mapping[str, str], log: Path, cwd: Path, preferred_port: int) -> str:
    """Start the simulated provider and return its address."""
    port = free_port(preferred_port)
    if importlib.util.find_spec(APP) is None:
        return f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "uvicorn", f"{APP}:app", "--host", HOST, "--port", str(port)]
    command += ["--log-level", "warning", "--no-access-log", "--timeout-keep-alive", str(KEEP_ALIVE_SECONDS)]
    server = Program(name="the simulated provider", command=command, log=log, env=env, cwd=cwd)
    wait_for_port(children.start(server), port, log)
    return f"http://{HOST}:{port}"
