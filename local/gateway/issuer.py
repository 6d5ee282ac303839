"""The stack's own token issuer: asymmetric user tokens, as hosted projects sign them."""

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

KEY_ID = "local"
JWKS_PATH = "/auth/v1/.well-known/jwks.json"


def jwks(signing_key: str) -> dict[str, Any]:
    """Return the public half of a private key (PEM), as a JSON Web Key Set."""
    private = serialization.load_pem_private_key(signing_key.encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("the signing key is not an elliptic-curve key")
    key = json.loads(ECAlgorithm.to_jwk(private.public_key()))
    return {"keys": [key | {"kid": KEY_ID, "alg": "ES256", "use": "sig"}]}


def sign(claims: dict[str, Any], signing_key: str) -> str:
    """Return an ES256 token with these claims."""
    return jwt.encode(claims, signing_key, algorithm="ES256", headers={"kid": KEY_ID})
