"""The keys of one working copy, generated once at random and kept."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Keys:
    """The keys of a Supabase project: two API keys, the legacy token secret, the issuer's private key (PEM)."""

    publishable: str
    secret: str
    jwt_secret: str
    signing_key: str


def load_keys(path: Path) -> Keys:
    """Return the keys from the file, or generate and store them.

    They survive a reset, so that a configured web client continues to work.
    """
    if path.exists():
        return Keys(**json.loads(path.read_text()))
    keys = make_keys()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(keys), file)
    return keys


def make_keys() -> Keys:
    """Return new random keys."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Keys(
        publishable=f"sb_publishable_{secrets.token_hex(16)}",
        secret=f"sb_secret_{secrets.token_hex(16)}",
        jwt_secret=secrets.token_hex(32),
        signing_key=pem.decode(),
    )
