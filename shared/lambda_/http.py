"""The Lambda handler of a function that is called over HTTP: its app behind Mangum, and replies to warm-up events."""

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
"""The reply to a warm-up event, which nobody reads."""

SCHEDULES = {"aws.events", "aws.scheduler"}
WARMERS = {"serverless-plugin-warmup"}


def http_entry(name: str, router: APIRouter, *later: str) -> tuple[Envelope, Handler]:
    """Return a function's app, for any ASGI server, and its handler, for Lambda, with settings from the environment.

    `later` names modules that are imported by the first call that needs them, or before a snapshot is taken.

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
    """Return the handler: events of an HTTP API or of a function URL go to the app, on one event loop per process.

    A warm-up event is answered without the app. Any other event raises, so that the platform records an error.
    """
    over_http = Mangum(app, lifespan="off")

    def handler(event: Any, context: Any) -> Mapping[str, Any]:  # noqa: ANN401  # the platform's own
        if not _keeps_warm(event):
            return over_http(event, context)
        log_event("platform.warmed", level=logging.DEBUG)
        return WARM

    return handler


def _keeps_warm(event: object) -> bool:
    """Return whether the event is a schedule's or a warmer's; no caller can write these fields of an event."""
    match event:
        case {"source": str(source), "detail-type": "Scheduled Event"}:
            return source in SCHEDULES
        case {"warmup": True} | {"warmer": True}:
            return True
        case {"source": str(source)}:
            return source in WARMERS
        case _:
            return False
