"""A project's token issuer on loopback: signs tokens and serves its public keys over real HTTP."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

USER_ID = "6f1d1c4e-52a5-4c1b-9e57-0d8e4c1b2a3f"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def public_jwk(key: PrivateKey, key_id: str, **changed: object) -> dict[str, Any]:
    """Return the public half in the form that hosted projects publish."""
    document: dict[str, Any]
    if isinstance(key, rsa.RSAPrivateKey):
        document = json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"alg": "RS256"}
    else:
        document = json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"alg": "ES256"}
    return document | {"kid": key_id, "use": "sig"} | changed


class Issuer:
    """Counts every request for its keys; tests can make it fail or delay its replies."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.url}/auth/v1"
        self.keys: list[object] = []
        self.body: bytes | None = None
        self.status = 200
        self.requests = 0
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    def claims(self, **changed: object) -> dict[str, object]:
        """Return a signed-in user's claims, valid for an hour; a change to None removes the claim."""
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "aud": "authenticated",
            "role": "authenticated",
            "sub": USER_ID,
            "iat": now,
            "exp": now + 3600,
        }
        return {name: value for name, value in (good | changed).items() if value is not None}

    def token(self, key: PrivateKey, key_id: str = "first", /, **changed: object) -> str:
        """Return a token signed by the key under this key id."""
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        # Signed as bytes: the higher-level interface refuses claims that a test must send.
        return jwt.PyJWS().encode(
            json.dumps(self.claims(**changed)).encode(), key, algorithm, {"kid": key_id}
        )

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request, on a separate connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"GET /auth/v1/.well-known/jwks.json "), head
        self.requests += 1
        self.arrived.set()
        await self.open.wait()
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        head = (
            f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
        )
        writer.write(head + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serving() -> AsyncIterator[Issuer]:
    """Serve an issuer on an ephemeral port while the block runs."""
    started: list[Issuer] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await started[0].answer(reader, writer)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    started.append(Issuer(server.sockets[0].getsockname()[1]))
    async with server:
        yield started[0]
