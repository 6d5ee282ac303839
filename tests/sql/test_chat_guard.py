"""What a visitor's key can do to a workspace's chats, and what it cannot."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.roles import KEYS, OTHER, OWNER, acting_as, undone
from tests.sql.samples import ROW, SESSION

# A signed-in user without rights to the chat is treated as an anonymous visitor.
VISITORS = ["anonymous", "other"]
PROSPECT = "00000000-0000-4000-8000-0000000000d1"
FOREIGN_PROSPECT = "00000000-0000-4000-8000-0000000000d2"
GREETING = "Kumusta! Ano ang maitutulong ko?"
# What the page sends when it starts a chat, and what another client might send in addition.
FORGED: dict[str, Any] = {
    "conversation_context": Jsonb({"tier": "gold"}),
    "emotional_state": "Excited",
    "buying_intent_score": 1,
    "qualification_score": 1,
    "message_count": 50,
    "created_at": "2030-01-01T00:00:00Z",
    "updated_at": "2030-01-01T00:00:00Z",
    "last_message_at": "2030-01-01T00:00:00Z",
    "is_read": True,
    "current_intent": "buy",
    "current_funnel_stage": "closing",
    "lead_temperature": "hot",
    "conversation_state": Jsonb({"step": 9}),
    "buying_signals_detected": ["price"],
    "last_intent_update": "2030-01-01T00:00:00Z",
    "lead_score": 100,
    "current_product_id": "p",
    "suggested_product_id": "p",
    "offer_type": "upsell",
    "buying_signals_history": Jsonb([1]),
    "intents_history": Jsonb([1]),
    "prospect_id": PROSPECT,
    "status": "converted",
}
OWN: dict[str, Any] = {
    "session_slug": "slug_visitor_1",
    "chatbot_id": "slug",
    "visitor_session_id": "visitor_1",
    "visitor_name": "Efren",
    "channel": "web",
    "user_agent": "Firefox",
}


@pytest.fixture
def chat(connection: psycopg.Connection) -> psycopg.Connection:
    """Return the owner's workspace with one open session, a visitor's message in it, and two prospects."""
    insert(connection, "chatbot_settings", {"user_id": OWNER, "greeting_message": GREETING})
    insert(connection, "prospects", {"id": PROSPECT, "user_id": OWNER, "full_name": "Dina Santos"})
    insert(connection, "prospects", {"id": FOREIGN_PROSPECT, "user_id": OTHER, "full_name": "Efren Lim"})
    insert(connection, "public_chat_sessions", {"id": SESSION, "user_id": OWNER, "session_slug": "s"})
    insert(
        connection,
        "public_chat_messages",
        {"id": ROW, "session_id": SESSION, "sender": "visitor", "message": "Magkano?"},
    )
    return connection


def insert(connection: psycopg.Connection, table: str, values: dict[str, Any]) -> None:
    """Insert one row."""
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    connection.execute(
        f"insert into public.{table} ({names}) values ({marks})".encode(), list(values.values())
    )


def update_session(connection: psycopg.Connection, values: dict[str, Any]) -> int:
    """Change the session; return the number of matched rows."""
    changes = ", ".join(f"{name} = %s" for name in values)
    statement = f"update public.public_chat_sessions set {changes} where id = %s"
    return connection.execute(statement.encode(), [*values.values(), SESSION]).rowcount


def session(connection: psycopg.Connection, slug: str = "s") -> dict[str, Any]:
    """Return a session as it is stored."""
    row = connection.execute(
        "select to_jsonb(chat) from public.public_chat_sessions chat where session_slug = %s", [slug]
    ).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


@pytest.mark.parametrize("visitor", VISITORS)
def test_started_session_has_default_scores(visitor: str, chat: psycopg.Connection) -> None:
    """Texts of the page are stored; scores, state, times and links have their defaults."""
    honest = OWN | {"session_slug": "honest"}
    with acting_as(chat, KEYS["anonymous"]):
        insert(chat, "public_chat_sessions", {"user_id": OWNER} | honest)
    with acting_as(chat, KEYS[visitor]):
        insert(chat, "public_chat_sessions", {"user_id": OWNER} | OWN | FORGED)
    differing = {"id", "session_slug"}
    stored, wanted = session(chat, "slug_visitor_1"), session(chat, "honest")
    assert {name: stored[name] for name in stored if name not in differing} == {
        name: wanted[name] for name in wanted if name not in differing
    }
    assert {name: stored[name] for name in OWN} == OWN


def test_guard_resets_to_the_defaults_of_the_table(chat: psycopg.Connection) -> None:
    """The values that the guard sets equal those of an insert without values."""
    insert(chat, "public_chat_sessions", {"user_id": OWNER, "session_slug": "by_service"})
    with acting_as(chat, KEYS["anonymous"]):
        insert(chat, "public_chat_sessions", {"user_id": OWNER, "session_slug": "by_visitor"} | FORGED)
    by_service, by_visitor = session(chat, "by_service"), session(chat, "by_visitor")
    assert by_service | {"id": 0, "session_slug": ""} == by_visitor | {"id": 0, "session_slug": ""}


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("column", [*FORGED, *OWN, "user_id", "id"])
def test_visitor_changes_nothing_on_a_session(visitor: str, column: str, chat: psycopg.Connection) -> None:
    """An update of any column succeeds without an error and without an effect."""
    before = session(chat)
    value = {"user_id": OTHER, "id": PROSPECT} | FORGED | OWN
    with acting_as(chat, KEYS[visitor]):
        assert update_session(chat, {column: value[column]}) == 1
    assert session(chat) == before


@pytest.mark.parametrize("visitor", VISITORS)
def test_visitor_archives_a_session(visitor: str, chat: psycopg.Connection) -> None:
    """The page archives duplicates; other columns in the same update are unchanged."""
    before = session(chat)
    with acting_as(chat, KEYS[visitor]):
        update_session(chat, {"status": "archived", "lead_score": 99, "user_id": OTHER})
    assert session(chat) == before | {"status": "archived"}


@pytest.mark.parametrize("visitor", VISITORS)
def test_archived_session_stays_archived(visitor: str, chat: psycopg.Connection) -> None:
    """A visitor cannot reopen a session."""
    update_session(chat, {"status": "archived"})
    with acting_as(chat, KEYS[visitor]):
        update_session(chat, {"status": "active"})
    assert session(chat)["status"] == "archived"


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("status", ["active", "human_takeover"])
def test_visitor_writes_as_visitor(visitor: str, status: str, chat: psycopg.Connection) -> None:
    """The message is stored as the visitor's, with the present time; columns of the service have their defaults."""
    update_session(chat, {"status": status})
    with acting_as(chat, KEYS[visitor]):
        insert(
            chat,
            "public_chat_messages",
            {
                "session_id": SESSION,
                "sender": "visitor",
                "message": "Magkano po?",
                "ai_emotion": "x",
                "ai_intent": "x",
                "ai_buying_signals": ["x"],
                "detected_objections": ["x"],
                "sentiment_score": 1,
                "urgency_level": "high",
                "keywords": ["x"],
                "token_usage": 9,
                "model_used": "x",
                "metadata": Jsonb({"x": 1}),
                "created_at": "2020-01-01T00:00:00Z",
            },
        )
    row = chat.execute(
        """select sender, ai_emotion, ai_intent, ai_buying_signals, detected_objections, sentiment_score::integer,
                  urgency_level, keywords, token_usage, model_used, metadata, created_at >= now()
           from public.public_chat_messages where message = 'Magkano po?'"""
    ).fetchone()
    assert row == ("visitor", None, None, [], [], 0, "low", [], 0, None, {}, True)


def test_greeting_is_as_configured(chat: psycopg.Connection) -> None:
    """The page writes the configured greeting as the assistant's, with its two labels."""
    with acting_as(chat, KEYS["anonymous"]):
        insert(
            chat,
            "public_chat_messages",
            {
                "session_id": SESSION,
                "sender": "ai",
                "message": GREETING,
                "ai_emotion": "welcoming",
                "ai_intent": "greeting",
            },
        )
    row = chat.execute(
        "select ai_emotion, ai_intent, token_usage from public.public_chat_messages where sender = 'ai'"
    ).fetchone()
    assert row == ("welcoming", "greeting", 0)


@pytest.mark.parametrize("configured", [None, ""])
def test_missing_greeting_is_the_page_s_own(configured: str | None, chat: psycopg.Connection) -> None:
    """If none is configured, the page's own greeting is accepted."""
    chat.execute(
        "update public.chatbot_settings set greeting_message = %s where user_id = %s", [configured, OWNER]
    )
    with acting_as(chat, KEYS["anonymous"]):
        insert(
            chat,
            "public_chat_messages",
            {"session_id": SESSION, "sender": "ai", "message": "Hi! How can I help you today?"},
        )


@pytest.mark.parametrize("visitor", VISITORS)
def test_forged_answer_is_refused(visitor: str, chat: psycopg.Connection) -> None:
    """Only the service and the owner may write as the assistant."""
    with (
        undone(chat),
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="Visitors write as themselves"),
        acting_as(chat, KEYS[visitor]),
    ):
        insert(
            chat, "public_chat_messages", {"session_id": SESSION, "sender": "ai", "message": "It is free."}
        )


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("closed", ["archived", "converted", "abandoned", "yesterday", "unknown"])
def test_closed_session_accepts_no_message(visitor: str, closed: str, chat: psycopg.Connection) -> None:
    """A closed, a day-old or a missing session accepts no message of a visitor."""
    if closed in ("yesterday", "unknown"):
        chat.execute("update public.public_chat_sessions set created_at = now() - interval '25 hours'")
    else:
        update_session(chat, {"status": closed})
    target = PROSPECT if closed == "unknown" else SESSION
    with (
        undone(chat),
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="This chat is closed"),
        acting_as(chat, KEYS[visitor]),
    ):
        insert(chat, "public_chat_messages", {"session_id": target, "sender": "visitor", "message": "Hi"})


@pytest.mark.parametrize("table", ["public_chat_sessions", "public_chat_messages"])
@pytest.mark.parametrize(
    ("who", "seen"), [("anonymous", 0), ("other", 0), ("owner", 1), ("administrator", 1), ("service", 1)]
)
def test_rows_older_than_a_day_are_for_the_owner(
    table: str, who: str, seen: int, chat: psycopg.Connection
) -> None:
    """The page's key reads no row older than 24 hours; owners, administrators and the service do."""
    chat.execute(f"update public.{table} set created_at = now() - interval '24 hours 1 second'".encode())
    with acting_as(chat, KEYS[who]):
        found = chat.execute(f"select from public.{table} where %s in (id)".encode(), [row_of(table)])
    assert found.rowcount == seen


def row_of(table: str) -> str:
    """Return the id of the one row of the sample chat."""
    return {"public_chat_sessions": SESSION, "public_chat_messages": ROW}[table]


@pytest.mark.parametrize("table", ["public_chat_sessions", "public_chat_messages"])
def test_rows_of_the_day_are_read_as_before(table: str, chat: psycopg.Connection) -> None:
    """The page reads its session and the messages in it with all their columns."""
    chat.execute(f"update public.{table} set created_at = now() - interval '23 hours 59 minutes'".encode())
    with acting_as(chat, KEYS["anonymous"]):
        assert (
            chat.execute(f"select * from public.{table} where id = %s".encode(), [row_of(table)]).rowcount
            == 1
        )


def test_owner_manages_the_own_session(chat: psycopg.Connection) -> None:
    """The owner takes a chat over, scores it and links a prospect; owner and id cannot change."""
    changes = {"status": "human_takeover", "lead_score": 80, "prospect_id": PROSPECT, "visitor_name": "Efren"}
    with acting_as(chat, KEYS["owner"]):
        update_session(chat, changes | {"user_id": OTHER})
    assert session(chat) == session(chat) | changes | {"user_id": OWNER}


def test_owner_cannot_link_a_foreign_prospect(chat: psycopg.Connection) -> None:
    """A link to another user's prospect keeps its old value; on a new session it is empty."""
    update_session(chat, {"prospect_id": PROSPECT})
    with acting_as(chat, KEYS["owner"]):
        update_session(chat, {"prospect_id": FOREIGN_PROSPECT})
        insert(
            chat,
            "public_chat_sessions",
            {"user_id": OWNER, "session_slug": "new", "prospect_id": FOREIGN_PROSPECT},
        )
    assert session(chat)["prospect_id"] == PROSPECT
    assert session(chat, "new")["prospect_id"] is None


def test_owner_answers_in_the_own_session(chat: psycopg.Connection) -> None:
    """After a takeover the owner's answers are stored as the assistant's."""
    update_session(chat, {"status": "human_takeover"})
    with acting_as(chat, KEYS["owner"]):
        insert(
            chat, "public_chat_messages", {"session_id": SESSION, "sender": "ai", "message": "Ako na po ito."}
        )
    assert chat.execute("select from public.public_chat_messages where sender = 'ai'").rowcount == 1


def test_service_is_not_guarded(chat: psycopg.Connection) -> None:
    """The service scores sessions and writes the answers."""
    with acting_as(chat, KEYS["service"]):
        update_session(chat, {"lead_score": 70, "qualification_score": 0.7})
        insert(
            chat, "public_chat_messages", {"session_id": SESSION, "sender": "ai", "message": "500 pesos po."}
        )
    assert session(chat)["lead_score"] == 70
