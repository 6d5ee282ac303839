"""The OpenAPI document of every function: valid, complete, without cost for a cold start, public."""

import importlib
import json
import re
import subprocess
import sys
from typing import Any

import pytest
import requests
import schemathesis
from fastapi.routing import APIRoute

from local.gateway import function_apps
from local.project import PROJECT
from local.stack.stack import Stack
from tests.functions.openapi_contract import CHECKS, CONFIG

NAMES = function_apps.names()


def folder(name: str) -> str:
    """Return the package of a function."""
    return f"functions.{name.replace('-', '_')}"


def document(name: str) -> dict[str, Any]:
    """Return a function's document."""
    found: dict[str, Any] = importlib.import_module(f"{folder(name)}.openapi").document()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_document_is_valid_openapi(name: str) -> None:
    """The document is valid by the standard's own schema."""
    schemathesis.openapi.from_dict(document(name), config=CONFIG).validate()


@pytest.mark.parametrize("name", NAMES)
def test_the_document_has_every_route_and_no_other(name: str) -> None:
    """Every function has a health route; the document does not list itself."""
    url = f"/functions/v1/{name}"
    routes: list[Any] = importlib.import_module(f"{folder(name)}.routes").router.routes
    paths = document(name)["paths"]
    listed = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    served = {
        (method, f"{url}{route.path}")
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert listed == served - {("GET", f"{url}/openapi.json")} | {("GET", f"{url}/health")}


@pytest.mark.parametrize("name", NAMES)
def test_the_document_costs_a_cold_start_nothing(stack: Stack, name: str) -> None:
    """It is built at its first request, not when the function is loaded."""
    code = (
        f"import sys, {folder(name)}.handler;"
        "loaded = [name for name in sys.modules if 'openapi' in name and name[:7] in ('functio', 'shared.')];"
        f"from {folder(name)}.openapi import document;"
        "print(loaded, document.cache_info().currsize)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], env=stack.env, cwd=PROJECT, check=True, capture_output=True, text=True
    )
    assert shown.stdout == "[] 0\n"


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_leads_to_a_part_of_the_document(name: str) -> None:
    """Every reference of an operation leads to a schema of the document."""
    whole = document(name)
    found = set(re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(whole)))
    assert found
    assert [(kind, part) for kind, part in found if part not in whole["components"][kind]] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_document_and_the_health_are_open_to_everyone(stack: Stack, name: str) -> None:
    """No key is needed; the served document equals the built one."""
    url = f"/functions/v1/{name}"
    served = requests.get(f"{stack.url}{url}/openapi.json", timeout=60)
    assert (served.status_code, served.json()) == (200, document(name))
    health = schemathesis.openapi.from_dict(document(name), config=CONFIG)[f"{url}/health"]["GET"].Case()
    health.validate_response(health.call(base_url=stack.url, timeout=60), checks=CHECKS)
