"""The part of Supabase Storage that the functions use: files in buckets, each in the folder of its owner's id."""

import hmac
import re
from collections.abc import Mapping
from pathlib import Path

import jwt
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.gateway.exchange import TokenExchange

PREFIX = "/storage/v1/object/"
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "*",
    "access-control-allow-methods": "*",
}
MAX_UPLOAD_BYTES = 100_000_000
_BOUNDARY = re.compile(r"^multipart/form-data;.*boundary=\"?([^\";]+)", re.IGNORECASE)


class Storage:
    """Files in a folder; requests for other paths go on to the rest of the stack's origin.

    A user may use the folder of their id in each bucket, the secret key all folders; other files are not found.
    """

    def __init__(
        self, origin: ASGIApp, exchange: TokenExchange, folder: Path, jwt_secret: str, secret_key: str
    ) -> None:
        self._origin = origin
        self._exchange = exchange
        self._folder = folder.resolve()
        self._jwt_secret = jwt_secret
        self._secret_key = secret_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer requests for the storage, and pass on all others."""
        app = self._origin
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            app = await self._respond(Request(scope, receive))
        await app(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(headers=CORS)
        authorization = await self._exchange.authorization(request.headers.get("authorization", ""))
        file = self._file(request.scope["path"], authorization.partition(" ")[2], request.headers)
        if request.method in {"POST", "PUT"}:
            if file is None:
                return _refusal(400, "403", "Unauthorized", "new row violates row-level security policy")
            return await self._keep(file, request)
        if file is not None and file.is_file():
            return FileResponse(file, headers=CORS)
        return _refusal(400, "404", "not_found", "Object not found")

    async def _keep(self, file: Path, request: Request) -> Response:
        content = _file_of(request.headers.get("content-type", ""), await request.body())
        if len(content) > MAX_UPLOAD_BYTES:
            return _refusal(413, "413", "Payload too large", "The object exceeded the maximum allowed size")
        await to_thread.run_sync(_write, file, content)
        return JSONResponse({"Key": str(file.relative_to(self._folder))}, headers=CORS)

    def _file(self, path: str, token: str, headers: Mapping[str, str]) -> Path | None:
        bucket, _, name = path.removeprefix(PREFIX).removeprefix("authenticated/").partition("/")
        file = (self._folder / bucket / name).resolve()
        if not bucket or not name or not file.is_relative_to(self._folder / bucket):
            return None
        if hmac.compare_digest(headers.get("apikey", ""), self._secret_key):
            return file
        owner = self._user_id(token)
        return file if owner is not None and name.startswith(f"{owner}/") else None

    def _user_id(self, token: str) -> str | None:
        try:
            claims = jwt.decode(token, self._jwt_secret, algorithms=["HS256"], audience="authenticated")
        except jwt.PyJWTError:
            return None
        return str(claims["sub"])


def _file_of(content_type: str, body: bytes) -> bytes:
    """Return the file of an upload: the body itself, or the file in a form, which a browser sends with other fields."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return body
    for part in body.split(b"--" + boundary[1].encode()):
        head, _, content = part.partition(b"\r\n\r\n")
        if b"filename=" in head:
            return content.removesuffix(b"\r\n")
    return b""


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _refusal(status: int, code: str, error: str, message: str) -> JSONResponse:
    return JSONResponse({"statusCode": code, "error": error, "message": message}, status, CORS)
