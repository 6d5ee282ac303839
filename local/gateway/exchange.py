"""Exchanges asymmetric user tokens for tokens that @supabase/lite can verify."""

from dataclasses import dataclass, field

import jwt
from anyio import to_thread

ASYMMETRIC = ["ES256", "RS256"]


@dataclass
class TokenExchange:
    """Verifies ES256 and RS256 tokens of one registered issuer and signs HS256 tokens with the same claims."""

    issuer: str
    jwks_url: str
    jwt_secret: str
    _keys: jwt.PyJWKClient = field(init=False)

    def __post_init__(self) -> None:
        self._keys = jwt.PyJWKClient(self.jwks_url, timeout=5)

    async def authorization(self, header: str) -> str:
        """Return the header to pass on: with the exchanged token if the token verifies, else unchanged.

        The API behind the gateway refuses a token that does not verify.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not is_asymmetric(token):
            return header
        try:
            claims = await to_thread.run_sync(self._verify, token)
        except jwt.PyJWTError:
            return header
        return f"Bearer {jwt.encode(claims, self.jwt_secret, algorithm='HS256')}"

    def _verify(self, token: str) -> dict[str, object]:
        key = self._keys.get_signing_key_from_jwt(token)
        claims: dict[str, object] = jwt.decode(
            token,
            key,
            algorithms=ASYMMETRIC,
            audience="authenticated",
            issuer=self.issuer,
            options={"require": ["exp", "sub"]},
        )
        return {name: value for name, value in claims.items() if name != "iss"}


def is_asymmetric(token: str) -> bool:
    """Return whether this is a token whose header names an asymmetric algorithm."""
    try:
        return jwt.get_unverified_header(token).get("alg") in ASYMMETRIC
    except jwt.PyJWTError:
        return False
