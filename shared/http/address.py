"""Where a request comes from: what the platform tells, never what a caller can write."""

import hmac
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from pydantic import SecretStr

VIEWER_HEADER = "x-viewer-address"
"""The distribution's function writes it over whatever the viewer sent (deploy/rollout.mjs)."""

ORIGIN_HEADER = "x-origin-secret"
IPV6_PREFIX = 64
"""A household or a server is given so much at least: a limit by single addresses would limit nobody."""

UNKNOWN = "unknown"


def viewer_address(
    client: tuple[str, int] | None, headers: Mapping[str, str], origin_secret: SecretStr | None
) -> str:
    """Return the visitor's address as limits count it: IPv4 whole, IPv6 by its network of 64 bits.

    `client` is the connection's other end, which the platform takes from its own request context. Behind the
    distribution that is the distribution: then its header counts, where the request carries the secret that it adds.
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
    """Return whether the distribution sent a request: nobody else knows the secret, and without one nobody does."""
    if origin_secret is None:
        return False
    told = headers.get(ORIGIN_HEADER, "").encode()
    return hmac.compare_digest(told, origin_secret.get_secret_value().encode())


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address with its port or without; an IPv6 address stands in brackets or not."""
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
