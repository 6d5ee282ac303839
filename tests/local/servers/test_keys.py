"""The keys of a working copy."""

from pathlib import Path

import jwt

from local.gateway import issuer
from local.servers.keys import load_keys, make_keys


def test_keys_are_kept(tmp_path: Path) -> None:
    """A second start finds the keys of the first."""
    assert load_keys(tmp_path / "keys.json") == load_keys(tmp_path / "keys.json")


def test_kept_keys_are_private(tmp_path: Path) -> None:
    """Nobody else can read them."""
    load_keys(tmp_path / "keys.json")
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0


def test_two_copies_have_different_keys() -> None:
    """Each working copy generates its own keys."""
    first, second = make_keys(), make_keys()
    assert first.secret != second.secret
    assert first.jwt_secret != second.jwt_secret
    assert first.publishable.startswith("sb_publishable_")
    assert first.secret.startswith("sb_secret_")


def test_signed_token_verifies_with_the_published_key() -> None:
    """A token of the issuer verifies with its public key set, under the key's id."""
    keys = make_keys()
    token = issuer.sign({"sub": "someone"}, keys.signing_key)
    published = jwt.PyJWKSet.from_dict(issuer.jwks(keys.signing_key))
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["ES256"]) == {"sub": "someone"}
