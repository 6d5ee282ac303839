"""`make audit`: it exits with 1 for a vulnerability, reports an unavailable service, and is quick."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.project import PROJECT
from local.servers.ports import free_port

Reply = Callable[[dict[str, Any]], tuple[int, bytes]]
"""The reply of a service to a question."""

ADVISORY = {
    "id": "PYSEC-2026-1",
    "summary": "Something is wrong.",
    "affected": [
        {
            "package": {"name": "mangum", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}],
        }
    ],
}


@contextmanager
def service(reply: Reply) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of an advisory service on loopback, and the questions that it gets."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(question)
            status, body = reply(question)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(url: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a service."""
    env = {**os.environ, "AUDIT_URL": url, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "local.maintenance.audit"]
    return subprocess.run(
        command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def nothing(_question: dict[str, Any]) -> tuple[int, bytes]:
    """Return no advisory."""
    return 200, b"{}"


def one(question: dict[str, Any]) -> tuple[int, bytes]:
    """Return an advisory for one package."""
    known = question["package"]["name"] == "mangum"
    return 200, json.dumps({"vulns": [ADVISORY]} if known else {}).encode()


def broken(_question: dict[str, Any]) -> tuple[int, bytes]:
    """Return the error page of a proxy."""
    return 503, b"<html>Service unavailable</html>"


def test_a_known_vulnerability_ends_with_1() -> None:
    """The output names the package, the advisory, and the fixed version."""
    with service(one) as (url, _):
        ended = audit(url)
    assert (ended.returncode, ended.stderr) == (1, "mangum 0.22.0: PYSEC-2026-1, fixed in 9.9.9\n")


def test_all_that_is_locked_is_asked_for_in_its_version() -> None:
    """All locked packages are asked for; without an advisory it exits with 0 and prints how many were checked."""
    with service(nothing) as (url, asked):
        ended = audit(url)
    names = {question["package"]["name"] for question in asked}
    assert {"fastapi", "openai", "pydantic-core", "cryptography"} <= names
    assert {"package": {"name": "mangum", "ecosystem": "PyPI"}, "version": "0.22.0"} in asked
    assert (ended.returncode, ended.stdout) == (0, f"No known vulnerability in {len(names)} dependencies.\n")


def test_a_service_that_is_down_is_reported_in_one_sentence() -> None:
    """If no service listens, or something else answers, the command reports it and does not fail."""
    away = "The dependencies were not audited: no advisory service answers from here.\n"
    ended = audit(f"http://127.0.0.1:{free_port()}/v1/query")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, away, "")
    with service(broken) as (url, _):
        ended = audit(url)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, away, "")


def test_an_audit_that_fails_by_itself_is_no_success() -> None:
    """If pip-audit cannot read the service's reply, the command does not report success."""
    with service(lambda _question: (200, b'{"vulns": [{}]}')) as (url, _):
        ended = audit(url)
    assert (ended.returncode, "could not be audited" in ended.stderr) == (1, True)
