"""A function in the test's process, with its own clocks, pauses and addresses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import APIRouter

from functions.generate_ai_content.routes import router
from local.stack.stack import Stack
from shared.ai.delivery.deliverer import Effects
from shared.http.app import Envelope, create_app
from shared.log import logger
from shared.services import Services, build_services
from shared.settings import Settings
from tests.calls import Api


class Pauses:
    """Pauses that end at once and are recorded, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Record a pause in place of a sleep."""
        self.seconds.append(seconds)

    def effects(self, jitter: float = 0.0) -> Effects:
        """Return what a delivery needs of time and randomness, without waiting and without chance."""
        return Effects(sleep=self, jitter=lambda: jitter)


@asynccontextmanager
async def services_on(stack: Stack, effects: Effects | None = None, **env: str) -> AsyncIterator[Services]:
    """Yield the services of a function on the stack, with some variables of the environment replaced."""
    services = build_services(Settings.from_env(stack.env | env), effects or Pauses().effects())
    try:
        yield services
    finally:
        await services.close()


@asynccontextmanager
async def app_on(
    stack: Stack, name: str, router: APIRouter, effects: Effects | None = None, **env: str
) -> AsyncIterator[Envelope]:
    """Yield a function in this process; the logger's configuration is restored afterwards."""
    before = (logger.handlers[:], logger.level, logger.propagate)
    try:
        async with services_on(stack, effects, **env) as services:
            yield create_app(name, router, services.settings, services)
    finally:
        logger.handlers[:], logger.level, logger.propagate = before


@asynccontextmanager
async def client_of(stack: Stack, app: Envelope) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a function in this process."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=stack.url) as client:
        yield client


@asynccontextmanager
async def in_process(stack: Stack, effects: Effects | None = None, **env: str) -> AsyncIterator[Api]:
    """Yield generate-ai-content in this process."""
    async with (
        app_on(stack, "generate-ai-content", router, effects, **env) as app,
        client_of(stack, app) as client,
    ):
        yield Api(client, stack.publishable_key)
