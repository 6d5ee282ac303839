"""A caller who names an owner without a session of this owner learns nothing, and changes no cache of the process."""

from uuid import uuid4

from local.stack.stack import Stack
from tests.conftest import Database, NewUser
from tests.proofs.chat_pages import ChatPage, open_page, visitors_of
from tests.provider import Provider
from tests.wire import wire_before


async def test_owners_that_a_visitor_only_names_are_never_read_or_kept(
    stack: Stack, database: Database, new_user: NewUser, provider: Provider
) -> None:
    """Thirty named owners, half of them real, cause one request each, and the cached configuration stays cached."""
    owner = new_user()
    page = open_page(database, owner.id)
    real = [open_page(database, new_user().id).owner_id for _ in range(5)]
    signed_in = {"apikey": stack.publishable_key, "authorization": f"Bearer {owner.access_token}"}
    async with (
        wire_before(stack.upstream_url) as wire,
        visitors_of(stack, SUPABASE_URL=wire.url, CONFIG_CACHE_USERS="1") as visitors,
    ):
        assert (await visitors.say(page, "Kumusta?", headers=signed_in, sessionId=None)).status_code == 200
        assert wire.names().count("load_ai_configuration") == 1
        wire.seen.clear()
        for named in (*real, *(str(uuid4()) for _ in range(5))):
            for session_id in (page.session_id, str(uuid4()), page.session_id.upper()):
                reply = await visitors.say(ChatPage(named, session_id), "Hello po")
                assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")
        assert set(wire.names()) == {"chat_open"}
        assert len(wire.seen) == 30
        assert (await visitors.say(page, "Hello po")).json()["handledBy"] == "ai"
        assert (await visitors.say(page, "Kumusta?", headers=signed_in, sessionId=None)).status_code == 200
    assert [name for name in wire.names() if "configuration" in name] == []
    assert len(provider.requests()) == 3
