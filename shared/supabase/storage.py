"""Files in Supabase Storage, read with the caller's rights and up to a limit."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus
from urllib.parse import quote

import httpx

from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, InternalError, PayloadTooLarge, ServiceUnavailable
from shared.settings import Settings
from shared.supabase.auth import Caller

# The storage's statuses for a file that does not exist or that the caller may not read.
_HIDDEN = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class NoSuchFile(LookupError):  # noqa: N818  # what happened, as the other errors
    """The file does not exist, or the caller may not read it: the error does not say which."""


class Storage:
    """Reads files of the project's buckets."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._url = f"{settings.supabase_url}/storage/v1/object/authenticated"
        self._publishable_key = settings.supabase_publishable_key.get_secret_value()
        self._secrets = settings.secrets
        self._http = http

    async def read(
        self, bucket: str, path: str, caller: Caller, max_bytes: int, deadline: Deadline
    ) -> AsyncGenerator[bytes]:
        """Yield a file in chunks: with a user's own token, or for the service from its owner's folder.

        Raises:
            NoSuchFile: the file does not exist, or the caller may not read it.
            PayloadTooLarge: the file exceeds `max_bytes`; reading stops there.
            ServiceUnavailable: the storage did not answer.
            DeadlineExceeded: the deadline has passed.
        """
        url, headers = self._address(bucket, path), await self._headers(path, caller)
        size = 0
        try:
            async with (
                asyncio.timeout(deadline.timeout(deadline.remaining())),
                self._http.stream("GET", url, headers=headers) as reply,
            ):
                _check(reply, max_bytes)
                async for piece in reply.aiter_bytes():
                    size += len(piece)
                    if size > max_bytes:
                        raise _too_large(max_bytes)
                    yield piece
        except TimeoutError as exc:
            raise DeadlineExceeded from exc
        except httpx.HTTPError as exc:
            raise ServiceUnavailable from exc

    def _address(self, bucket: str, path: str) -> str:
        parts = path.split("/")
        if any(part in {"", ".", ".."} for part in parts):
            raise NoSuchFile
        return "/".join([self._url, *(quote(part, safe="") for part in (bucket, *parts))])

    async def _headers(self, path: str, caller: Caller) -> dict[str, str]:
        if caller.token is not None:
            return {"apikey": self._publishable_key, "authorization": f"Bearer {caller.token}"}
        if caller.kind != "service" or caller.user_id is None:
            raise InternalError
        # The secret key can read every file, so the folder decides the owner.
        if not path.startswith(f"{caller.user_id}/"):
            raise NoSuchFile
        secret_key = (await self._secrets.current()).supabase_secret_key.get_secret_value()
        return {"apikey": secret_key, "authorization": f"Bearer {secret_key}"}


def _check(reply: httpx.Response, max_bytes: int) -> None:
    if reply.status_code in _HIDDEN:
        raise NoSuchFile
    if reply.status_code != HTTPStatus.OK:
        raise ServiceUnavailable
    length = reply.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The file is too large: at most {max_bytes} bytes are taken.")
