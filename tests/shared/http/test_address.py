"""Which address a limit counts: the platform's, or the distribution's if it proves itself; never another one."""

import pytest
from mangum.handlers import APIGateway, HTTPGateway
from pydantic import SecretStr
from starlette.datastructures import Headers

from local.commands.invoke import Context, api_gateway_event
from shared.http.address import viewer_address

SECRET = SecretStr("a-secret-of-the-distribution")
EDGE = ("203.0.113.9", 443)

# X-Viewer-Address -> the counted address.
VIEWERS = [
    ("198.51.100.10:46532", "198.51.100.10"),
    ("198.51.100.10", "198.51.100.10"),
    ("[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"),
    ("2001:0db8:0001:0002:0003:0004:0005:0006:46532", "2001:db8:1:2::/64"),
    ("2001:0db8:0001:0002:0003:0004:0005:0006", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::9:46532", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::9:46532", "2001:db8:1:3::/64"),
    ("::ffff:198.51.100.10:46532", "198.51.100.10"),
    ("[::ffff:198.51.100.10]:1", "198.51.100.10"),
    ("fe80::1%eth0", "fe80::/64"),
    ("", "203.0.113.9"),
    ("nonsense", "203.0.113.9"),
    ("999.1.1.1:80", "203.0.113.9"),
    ("198.51.100.10, 198.51.100.11", "203.0.113.9"),
]


@pytest.mark.parametrize(("header", "counted"), VIEWERS)
def test_the_distribution_is_believed_when_it_proves_itself(header: str, counted: str) -> None:
    """IPv4 and IPv6 are read, with a port or without; an invalid value leaves the platform's address."""
    headers = Headers({"X-Viewer-Address": header, "X-Origin-Secret": SECRET.get_secret_value()})
    assert viewer_address(EDGE, headers, SECRET) == counted


@pytest.mark.parametrize("proof", [None, "", "wrong", "a-secret-of-the-distributio", "\u00e9"])
@pytest.mark.parametrize("secret", [None, SECRET])
def test_without_its_secret_the_header_is_ignored(proof: str | None, secret: SecretStr | None) -> None:
    """Anyone can send the header: the connection's address counts."""
    headers = {"x-viewer-address": "198.51.100.10:1"}
    if proof is not None:
        headers["x-origin-secret"] = proof
    assert viewer_address(EDGE, headers, secret) == "203.0.113.9"


def test_without_the_setting_no_secret_is_right() -> None:
    """A function that is not behind a distribution ignores the header."""
    headers = {"x-viewer-address": "198.51.100.10:1", "x-origin-secret": SECRET.get_secret_value()}
    assert viewer_address(EDGE, headers, None) == "203.0.113.9"


@pytest.mark.parametrize(
    "name",
    [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-client-ip",
        "cloudfront-viewer-address",
    ],
)
def test_no_other_header_is_believed(name: str) -> None:
    """Other headers are ignored, even beside the distribution's secret."""
    headers = {name: "198.51.100.10", "x-origin-secret": SECRET.get_secret_value()}
    assert viewer_address(EDGE, headers, SECRET) == "203.0.113.9"


# The connection -> the counted address.
CONNECTIONS = [
    (("198.51.100.10", 0), "198.51.100.10"),
    (("2001:db8:1:2:3:4:5:6", 0), "2001:db8:1:2::/64"),
    (("testclient", 50000), "testclient"),
    (None, "unknown"),
]


@pytest.mark.parametrize(("client", "counted"), CONNECTIONS)
def test_the_connection_is_the_source_address_of_the_platform(
    client: tuple[str, int] | None, counted: str
) -> None:
    """Mangum uses the source address of the event's request context as the connection."""
    assert viewer_address(client, {}, SECRET) == counted


def test_the_platforms_request_context_becomes_the_connection() -> None:
    """In both payload formats the source address is used, whatever the headers contain."""
    config = {"api_gateway_base_path": "/", "text_mime_types": [], "exclude_headers": []}
    event = api_gateway_event("/x", {"x-forwarded-for": "198.51.100.99"}, "{}")
    event["requestContext"]["http"]["sourceIp"] = "198.51.100.10"
    older = {
        "resource": "/x", "path": "/x", "httpMethod": "POST", "body": "{}", "isBase64Encoded": False,
        "headers": {"X-Forwarded-For": "198.51.100.99"}, "multiValueHeaders": {"X-Forwarded-For": ["198.51.100.99"]},
        "queryStringParameters": None, "multiValueQueryStringParameters": None,
        "requestContext": {"identity": {"sourceIp": "2001:db8:1:2::7"}, "httpMethod": "POST", "path": "/x"},
    }  # fmt: skip
    scopes = [
        HTTPGateway(event, Context(), config).scope,  # type: ignore[arg-type]  # ours has what is read of a context
        APIGateway(older, Context(), config).scope,  # type: ignore[arg-type]
    ]
    assert [viewer_address(scope["client"], {}, None) for scope in scopes] == [
        "198.51.100.10", "2001:db8:1:2::/64",
    ]  # fmt: skip
