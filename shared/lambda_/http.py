"""The Lambda of a function that is called over HTTP: its app behind Mangum, and a word to what keeps it warm."""

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from mangum import Mangum
from mangum.types import ASGI

from shared.http.app import Envelope, create_app
from shared.log import log_event
from shared.services import build_services
from shared.settings import Settings
from shared.snapshot import open_for_platform

Handler = Callable[[Any, Any], Mapping[str, Any]]

WARM = {"warm": True}
"""What is said to nobody: a schedule does not read it."""

SCHEDULES = {"aws.events", "aws.scheduler"}
WARMERS = {"serverless-plugin-warmup"}


def http_entry(name: str, router: APIRouter, *later: str) -> tuple[Envelope, Handler]:
    """Return the app of a function, for any ASGI server, and its handler, for Lambda, as the environment says.

    `later` names the modules that a start leaves to the calls that need them and a snapshot holds.

    Raises:
        SettingsError: the environment cannot be used.
    """
    settings = Settings.from_env(os.environ)
    services = build_services(settings)
    app = create_app(name, router, settings, services)
    handler = platform_handler(app)
    open_for_platform(services, *later)
    return app, handler


def platform_handler(app: ASGI) -> Handler:
    """Return the handler: events of an HTTP API or of a function's own URL go to the app, on one loop for the process.

    What only keeps the process warm is answered without the app. Any other event is an error that the platform is
    told of.
    """
    over_http = Mangum(app, lifespan="off")

    def handler(event: Any, context: Any) -> Mapping[str, Any]:  # noqa: ANN401  # the platform's own
        if not _keeps_warm(event):
            return over_http(event, context)
        log_event("platform.warmed", level=logging.DEBUG)
        return WARM

    return handler


def _keeps_warm(event: object) -> bool:
    """Tell an event of a schedule or of a warmer; no caller writes at this level of an event."""
    match event:
        case {"source": str(source), "detail-type": "Scheduled Event"}:
            return source in SCHEDULES
        case {"warmup": True} | {"warmer": True}:
            return True
        case {"source": str(source)}:
            return source in WARMERS
        case _:
            return False
