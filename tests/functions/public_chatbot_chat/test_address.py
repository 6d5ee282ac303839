"""By which address a visitor's limit counts, as the reservation stores it."""

import hashlib

from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.proofs.chat_pages import ChatPage, open_page, visitors_of

SECRET = "a-secret-of-the-distribution"


def hashed(address: str) -> str:
    """Return an address as the limits store it."""
    return hashlib.sha256(address.encode()).hexdigest()[:32]


def kept(database: Database, page: ChatPage) -> list[object]:
    """Return the addresses of a session's calls, oldest first."""
    rows = database.execute(
        "select visitor_address_hash from public.ai_requests where visitor_session_id = %s order by created_at",
        [page.session_id],
    ).fetchall()
    return [row[0] for row in rows]


async def test_a_visitor_counts_by_the_connection_with_any_headers(
    stack: Stack, database: Database, new_user: NewUser
) -> None:
    """Headers of the caller change nothing, also those of a distribution that does not exist."""
    page = open_page(database, new_user().id)
    claims = ["x-forwarded-for", "forwarded", "x-real-ip", "x-viewer-address"]
    async with visitors_of(stack) as visitors:
        for name in claims:
            sent = {"apikey": stack.publishable_key, name: "198.51.100.99", "x-origin-secret": SECRET}
            assert (await visitors.say(page, name, "198.51.100.1", sent)).status_code == 200
    assert kept(database, page) == [hashed("198.51.100.1")] * len(claims)


async def test_behind_the_distribution_the_viewers_own_address_counts(
    stack: Stack, database: Database, new_user: NewUser
) -> None:
    """The distribution's header counts only beside its secret; an IPv6 visitor counts by the network."""
    page = open_page(database, new_user().id)
    headers = {"apikey": stack.publishable_key, "x-viewer-address": "2001:db8:1:2::7:46532"}
    async with visitors_of(stack, ORIGIN_SECRET=SECRET) as visitors:
        for secret in (SECRET, SECRET[:-1]):
            reply = await visitors.say(
                page,
                secret,
                "203.0.113.9",
                {**headers, "x-origin-secret": secret, "x-forwarded-for": "1.2.3.4"},
            )
            assert reply.status_code == 200
    assert kept(database, page) == [hashed("2001:db8:1:2::/64"), hashed("203.0.113.9")]
