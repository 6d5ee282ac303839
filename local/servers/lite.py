"""The Supabase API of a stack: @supabase/lite on the stack's PostgreSQL."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.environment import without_other_projects
from local.problem import Problem
from local.project import PROJECT
from local.servers.keys import Keys
from local.servers.ports import HOST, free_port
from local.servers.processes import Child, Children, Program
from local.servers.readiness import wait_for_port

ENTRY = PROJECT / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"
QUIET = {"LITE_TELEMETRY": "0", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}
CONFIG = """\
project_id = "nexscout"
[api]
port = {port}
schemas = ["public"]
max_rows = 1000
[db]
driver = "postgres"
url = "{database_url}"
[auth]
enabled = true
enable_signup = true
site_url = "{site_url}"
jwt_secret = "{keys.jwt_secret}"
jwt_expiry = 3600
publishable_key = "{keys.publishable}"
secret_key = "{keys.secret}"
[auth.email]
enable_confirmations = false
"""


@dataclass
class Lite:
    """PostgREST- and GoTrue-compatible endpoints; their own output goes to the log."""

    folder: Path
    keys: Keys
    site_url: str
    port: int = 0

    @property
    def url(self) -> str:
        """Return its address; only the gateway and the stack itself use it."""
        return f"http://{HOST}:{self.port}"

    def start(self, children: Children, database_url: str, log: Path) -> Child:
        """Start it on a database and wait until it listens.

        Raises:
            Problem: when Node or the package is missing, or it does not start.
        """
        self.port = free_port()
        config = self._write_config(database_url)
        api = Program(
            name="@supabase/lite",
            command=[node(), ENTRY, "start", "--no-admin", "--config", config],
            log=log,
            env={**without_other_projects(os.environ), **QUIET},
            cwd=self.folder,
        )
        child = children.start(api)
        wait_for_port(child, self.port, log)
        return child

    def settle(self) -> None:
        """Request one table, with no other request at the same time.

        On its first request it grants tables to the API roles; two simultaneous first requests fail.
        """
        httpx.get(
            f"{self.url}/rest/v1/profiles?limit=0", headers={"apikey": self.keys.publishable}, timeout=30
        )

    def _write_config(self, database_url: str) -> Path:
        path = self.folder / "supabase" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(
            port=self.port, database_url=database_url, site_url=self.site_url, keys=self.keys
        )
        path.touch(mode=0o600)
        path.write_text(text)
        return path


def node() -> str:
    """Return the path of the Node.js program.

    Raises:
        Problem: when it, or the npm packages, are missing.
    """
    program = shutil.which("node")
    if program is None:
        raise Problem(
            "Node.js 20 or newer is needed, and no node was found: install it from your package manager."
        )
    if not ENTRY.exists():
        raise Problem("the npm packages are not installed: run `make setup`.")
    return program
