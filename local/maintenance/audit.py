"""`make audit`: known vulnerabilities in the shipped packages; if no service answers, it says so."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from local.package.wheels import LOCK

OSV = "https://api.osv.dev/v1/query"
SECONDS = 45
"""Upper bound of seconds for all questions together: a service that is down or slow must not block a change."""

PROBE_SECONDS = 5


def main() -> None:
    """Ask OSV, or the service at AUDIT_URL; exit with 1 if it knows of a vulnerability."""
    url = os.environ.get("AUDIT_URL", OSV)
    report = _asked(url, LOCK)
    if report is None:
        if _answers(url):
            sys.exit("nexscout: the dependencies could not be audited though the advisory service answers.")
        print("The dependencies were not audited: no advisory service answers from here.")
        return
    found = list(_told(report))
    if found:
        sys.exit("\n".join(found))
    print(f"No known vulnerability in {len(report['dependencies'])} dependencies.")


def _asked(url: str, lock: Path) -> Mapping[str, Any] | None:
    """Return pip-audit's report on a lock file; None where it produced none."""
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip",
        "--vulnerability-service", "osv", "--osv-url", url, "--format", "json",
        "--progress-spinner", "off", "--timeout", str(PROBE_SECONDS),
    ]  # fmt: skip
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        report: Mapping[str, Any] = json.loads(ended.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return report


def _answers(url: str) -> bool:
    """Return whether a service gives a valid answer to one question."""
    question = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.3"}
    try:
        reply = httpx.post(url, json=question, timeout=PROBE_SECONDS)
        return reply.status_code == httpx.codes.OK and isinstance(reply.json(), dict)
    except (httpx.HTTPError, ValueError):
        return False


def _told(report: Mapping[str, Any]) -> Iterator[str]:
    for dependency in report["dependencies"]:
        for each in dependency.get("vulns", []):
            fixed = ", ".join(each["fix_versions"]) or "no version yet"
            yield f"{dependency['name']} {dependency['version']}: {each['id']}, fixed in {fixed}"


if __name__ == "__main__":
    main()
