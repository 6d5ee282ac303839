"""How the public chat page finds its workspace."""

import psycopg
import pytest

from local.migrations.apply import apply
from tests.sql.roles import KEYS, OWNER, acting_as
from tests.sql.test_starting_points import MakeDatabase

RESOLVE = "select public.get_user_from_chatbot_id(%s)::text"


@pytest.fixture
def chatbot(connection: psycopg.Connection) -> psycopg.Connection:
    """Return the owner's chatbot with a slug."""
    connection.execute(
        "insert into public.chatbot_settings (user_id, fixed_chatbot_id) values (%s, 'tindahan')", [OWNER]
    )
    return connection


@pytest.mark.parametrize("who", KEYS)
def test_a_slug_gives_its_owner_to_everybody(who: str, chatbot: psycopg.Connection) -> None:
    """The page asks with the anonymous key, and a signed-in owner with their own token."""
    with acting_as(chatbot, KEYS[who]):
        assert chatbot.execute(RESOLVE, ["tindahan"]).fetchone() == (OWNER,)


@pytest.mark.parametrize("slug", ["nowhere", "", None, "tindahan' or true --"])
def test_an_unknown_slug_gives_nothing(slug: str | None, chatbot: psycopg.Connection) -> None:
    """Nothing is not an error."""
    with acting_as(chatbot, KEYS["anonymous"]):
        assert chatbot.execute(RESOLVE, [slug]).fetchone() == (None,)


def test_an_inactive_chatbot_has_no_page(chatbot: psycopg.Connection) -> None:
    """The slug of a chatbot that is switched off is not found."""
    chatbot.execute("update public.chatbot_settings set is_active = false where user_id = %s", [OWNER])
    with acting_as(chatbot, KEYS["anonymous"]):
        assert chatbot.execute(RESOLVE, ["tindahan"]).fetchone() == (None,)


def test_the_app_keeps_a_function_of_its_own(existing_database: MakeDatabase) -> None:
    """If the app has the function, it is unchanged."""
    url = existing_database()
    definition = "select pg_get_functiondef('public.get_user_from_chatbot_id'::regproc)"
    with psycopg.connect(url, autocommit=True) as connection:
        before = connection.execute(definition).fetchone()
        apply(url)
        assert connection.execute(definition).fetchone() == before
