"""The address of a request: from the platform, never from what a caller can write."""

import hmac
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from pydantic import SecretStr

VIEWER_HEADER = "x-viewer-address"
"""The distribution's function overwrites whatever the viewer sent (deploy/rollout.mjs)."""

ORIGIN_HEADER = "x-origin-secret"
IPV6_PREFIX = 64
"""A household or a server has a whole network of this prefix: a limit by single addresses would limit nobody."""

UNKNOWN = "unknown"


def viewer_address(
    client: tuple[str, int] | None, headers: Mapping[str, str], origin_secret: SecretStr | None
) -> str:
    """Return the visitor's address as limits count it: the whole IPv4 address, the /64 network of an IPv6 address.

    `client` is the connection's peer, from the platform's request context. Behind the distribution that peer is the
    distribution: then its header counts, if the request carries the secret that it adds.
    """
    if is_from_distribution(headers, origin_secret):
        address = _parsed(headers.get(VIEWER_HEADER, ""))
        if address is not None:
            return _counted(address)
    if client is None:
        return UNKNOWN
    address = _parsed(client[0])
    return client[0] if address is None else _counted(address)


def is_from_distribution(headers: Mapping[str, str], origin_secret: SecretStr | None) -> bool:
    """Return whether the distribution sent the request, which its secret proves; False if no secret is set."""
    if origin_secret is None:
        return False
    sent = headers.get(ORIGIN_HEADER, "").encode()
    return hmac.compare_digest(sent, origin_secret.get_secret_value().encode())


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a text with or without a port; an IPv6 address may stand in brackets."""
    host, _, port = text.strip().rpartition(":")
    candidates = [host.strip("[]")] if port.isdecimal() else []
    for candidate in (*candidates, text.strip().strip("[]")):
        try:
            return ip_address(candidate.partition("%")[0])
        except ValueError:
            continue
    return None


def _counted(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, IPV6_PREFIX), strict=False))
