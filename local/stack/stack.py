"""The whole system on one machine: PostgreSQL, the Supabase API, a provider and the gateway."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg

from local import environment, seed
from local.environment import without_other_projects
from local.migrations import apply as migrate
from local.problem import Problem
from local.project import PROJECT
from local.servers import provider, queues
from local.servers.guard import Guard
from local.servers.keys import load_keys
from local.servers.lite import Lite
from local.servers.ports import HOST, listen
from local.servers.postgres import Postgres
from local.servers.processes import Child, Children, Program
from local.servers.queues import Queues
from local.servers.readiness import wait_for_answer

MEGABYTE = 1024 * 1024
MINIMUM_FREE_BYTES = 200 * MEGABYTE


@dataclass
class Stack:
    """Starts when entered, stops when left; all its files are in `folder`.

    `port` 0 uses any free one. An `ephemeral` stack is faster, deletes its data, and ends with this process even if
    that is killed. `caller` is the environment that the functions inherit; its OPENAI_* variables choose a provider.
    With `piped` the functions' output is read from `gateway_output`, else it goes to the logs.
    A `sweeping` stack does what the cloud's schedule does. With `reset` the data of earlier starts is deleted.
    `report` is called with the name of each step before it starts.
    """

    folder: Path
    _: KW_ONLY
    port: int = 0
    ephemeral: bool = False
    reset: bool = False
    sweeping: bool = False
    piped: bool = False
    caller: Mapping[str, str] = field(default_factory=lambda: os.environ)
    report: Callable[[str], None] = field(default=lambda _: None)
    project: Path = field(default=PROJECT, init=False)
    people: dict[str, str] = field(default_factory=dict, init=False)
    provider_url: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Read or generate the keys and choose the port; nothing is started yet."""
        self.folder = self.folder.resolve()
        self.logs = self.folder / "logs"
        for path in (self.logs, self.folder / "lite"):
            path.mkdir(parents=True, exist_ok=True)
        self._listener = listen(self.port)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self.keys = load_keys(self.folder / "keys.json")
        self.children = Children(self.folder / "processes.json")
        self._gateway: Child | None = None
        self._worker: Child | None = None
        self._guard: Guard | None = None
        self._postgres = Postgres(self.folder / "postgres", ephemeral=self.ephemeral)
        self._lite = Lite(self.folder / "lite", self.keys, self.url)
        self._queues = Queues()

    def __enter__(self) -> Self:
        """Start everything and wait until it is ready."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    @property
    def database_url(self) -> str:
        """Return the address of the database, as the role `postgres`."""
        return self._postgres.url()

    @property
    def upstream_url(self) -> str:
        """Return the address of the Supabase API without the gateway before it."""
        return self._lite.url

    @property
    def publishable_key(self) -> str:
        """Return the key of anonymous callers."""
        return self.keys.publishable

    @property
    def secret_key(self) -> str:
        """Return the key of the service."""
        return self.keys.secret

    @property
    def jwt_secret(self) -> str:
        """Return the secret of HS256 user tokens."""
        return self.keys.jwt_secret

    @property
    def env(self) -> dict[str, str]:
        """Return what people, tools and functions need to know, under the names of `.local/env`."""
        return {
            "SUPABASE_URL": self.url,
            "SUPABASE_PUBLISHABLE_KEY": self.keys.publishable,
            "SUPABASE_SECRET_KEY": self.keys.secret,
            "DATABASE_URL": self.database_url,
            "OPENAI_BASE_URL": self._openai_base_url(),
            "DEMO_EMAIL": seed.DEMO.email,
            "DEMO_PASSWORD": seed.DEMO.password,
            "DEMO_USER_ID": self.people.get(seed.DEMO.email, ""),
            "DEMO_CHAT_SLUG": seed.DEMO_CHAT_SLUG,
            "OTHER_EMAIL": seed.OTHER.email,
            "OTHER_PASSWORD": seed.OTHER.password,
            "OTHER_USER_ID": self.people.get(seed.OTHER.email, ""),
            "SUPABASE_JWT_SECRET": self.keys.jwt_secret,
            "SUPABASE_JWT_ISSUER_REQUIRED": "false",
            "OPENAI_API_KEY": provider.placeholder_key(self.keys.secret),
            **self._queues.env,
        }

    @property
    def gateway_output(self) -> IO[bytes]:
        """Return the functions' output, of a `piped` stack that has started."""
        if self._gateway is None or self._gateway.process.stdout is None:
            raise RuntimeError("the stack is not piped, or has not started")
        return self._gateway.process.stdout

    @property
    def worker_pid(self) -> int:
        """Return the id of the worker's process, of a stack that has started."""
        if self._worker is None:
            raise RuntimeError("the stack has not started")
        return self._worker.process.pid

    def stop(self) -> None:
        """Stop everything that was started, and delete the data of an ephemeral stack."""
        self.children.stop_all()
        self._listener.close()
        if self.ephemeral:
            self._postgres.remove()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def function_environment(self) -> dict[str, str]:
        """Return the environment of the functions: the caller's own, then the stack's, then a real provider's key."""
        own = {
            "NEXSCOUT_UPSTREAM": self.upstream_url,
            "NEXSCOUT_SIGNING_KEY": self.keys.signing_key,
            "NEXSCOUT_STORAGE": str(self.folder / "storage"),
            **queues.CREDENTIALS,
        }
        env = {**without_other_projects(self.caller), **self.env, **own}
        if key := self.caller.get("OPENAI_API_KEY"):
            env["OPENAI_API_KEY"] = key
        return env

    def _start(self) -> None:
        self._prepare_folder()
        queue_log = self.logs / "queue.log"
        queue = self._queues.start(
            self.children, self.folder / "queue", queue_log, self.caller, self._port_near(3)
        )
        self.report("PostgreSQL")
        self._postgres.start(self.children, self.logs / "postgres.log", self._port_near(1))
        self._prepare_database()
        self.report("migrations")
        refuse_other_migrations(self.database_url)
        migrate.apply(self.database_url)
        self.report("the Supabase API")
        self._lite.start(self.children, self.database_url, self.logs / "lite.log")
        self._lite.settle()
        self.report("the example workspaces")
        self.people = seed.seed(self.database_url, self.upstream_url, self.publishable_key)
        self.report("the provider and the functions")
        self._start_provider()
        self._queues.make(queue, queue_log)
        self._gateway = self._start_gateway()
        self._start_worker()
        environment.write(self.folder / "env", self.env)

    def _prepare_folder(self) -> None:
        """End what an earlier start left running, and make sure that there is space for this one."""
        self.children.stop_orphans()
        if self.ephemeral:
            self._guard = Guard(self.children.record, self._postgres.root)
        if self.reset:
            self._postgres.clear()
        free = shutil.disk_usage(self.folder).free
        if free < MINIMUM_FREE_BYTES:
            space = f"the disk with {self.folder} has {free // MEGABYTE} MB left"
            raise Problem(
                f"{space}, and {MINIMUM_FREE_BYTES // MEGABYTE} are needed: make room and try again."
            )

    def _port_near(self, offset: int) -> int:
        return 0 if self.ephemeral else self.port + offset

    def _prepare_database(self) -> None:
        """Let @supabase/lite create its schemas before the migrations, which refer to auth.users.

        It is then stopped: it reads the list of tables when it starts and does not see tables created later.
        """
        self._postgres.prepare()
        with psycopg.connect(self.database_url) as connection:
            found = connection.execute("select to_regclass('auth.users') is not null").fetchone()
        if found == (True,):
            return
        lite = self._lite.start(self.children, self.database_url, self.logs / "lite.log")
        self.children.stop(lite)

    def _start_provider(self) -> None:
        if not provider.configured(self.caller):
            log = self.logs / "provider.log"
            self.provider_url = provider.start(
                self.children, self.caller, log, self.project, self._port_near(2)
            )

    def _openai_base_url(self) -> str:
        if self.provider_url:
            return f"{self.provider_url}/v1"
        return self.caller.get("OPENAI_BASE_URL") or provider.OPENAI

    def _start_worker(self) -> None:
        self._worker = self.children.start(
            Program(
                name="the worker",
                command=[
                    sys.executable,
                    "-u",
                    "-m",
                    "local.stack.worker",
                    *(["--sweep"] if self.sweeping else []),
                ],
                log=self.logs / "worker.log",
                env=self.function_environment(),
                cwd=self.project,
            )
        )

    def _start_gateway(self) -> Child:
        log = self.logs / "functions.log"
        descriptor = self._listener.fileno()
        server = Program(
            name="the functions",
            command=[sys.executable, "-u", "-m", "local.stack.serve", str(descriptor)],
            log=log,
            env=self.function_environment(),
            cwd=self.project,
            pass_fds=[descriptor],
            piped=self.piped,
        )
        gateway = self.children.start(server)
        wait_for_answer(gateway, self.url, log)
        return gateway


def refuse_other_migrations(database_url: str) -> None:
    """Stop before the data of an older checkout, whose migrations are not those of this one.

    Raises:
        Problem: which says how to start anew.
    """
    found = migrate.status(database_url)
    if found.changed or found.unknown or found.foreign:
        raise Problem(
            "the database was made by other migrations than these: `make dev RESET=1` starts from nothing."
        )
