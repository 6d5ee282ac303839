"""The ASGI application: `uvicorn local.provider.app:app`."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.provider import control, limits, moderations
from local.provider.chat import create
from local.provider.state import State


async def health(_request: Request) -> Response:
    """GET /health."""
    return JSONResponse({"status": "ok"})


async def list_models(_request: Request) -> Response:
    """GET /v1/models, in the shape of the real endpoint."""
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "simulated"} for name in limits.MODELS]
    return JSONResponse({"object": "list", "data": rows})


async def unknown_url(request: Request, _error: Exception) -> Response:
    """Return the real server's reply to a path or method that does not exist."""
    message = f"Invalid URL ({request.method} {request.url.path})"
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return JSONResponse({"error": error}, status_code=404)


def create_app() -> Starlette:
    """Return a provider without requests and faults."""
    app = Starlette(
        routes=[
            Route("/health", health),
            Route("/v1/models", list_models),
            Route("/v1/chat/completions", create, methods=["POST"]),
            Route("/v1/moderations", moderations.create, methods=["POST"]),
            Route("/control/faults", control.add_faults, methods=["POST"]),
            Route("/control/requests", control.list_requests),
            Route("/control", control.reset, methods=["DELETE"]),
        ],
        exception_handlers={404: unknown_url, 405: unknown_url},
    )
    app.state.provider = State()
    return app


app = create_app()
