"""The assistant's rows and its reads: only the owner's; a turn is stored once or not at all."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.money import Money, attempt, written
from tests.sql.roles import KEYS, OTHER, OWNER, acting_as
from tests.sql.samples import CONVERSATION

PROSPECT = "00000000-0000-4000-8000-0000000000d1"
TABLES = ("prospects", "assistant_conversations", "assistant_messages")


@pytest.fixture
def talk(connection: psycopg.Connection) -> psycopg.Connection:
    """Return a connection with the owner's one prospect and a conversation of one turn."""
    connection.execute(
        "insert into public.prospects (id, user_id, full_name) values (%s, %s, 'CANARY Santos')",
        [PROSPECT, OWNER],
    )
    connection.execute(
        "insert into public.assistant_conversations (id, user_id) values (%s, %s)", [CONVERSATION, OWNER]
    )
    connection.execute(
        """insert into public.assistant_messages (conversation_id, user_id, role, content)
           values (%s, %s, 'user', 'CANARY question')""",
        [CONVERSATION, OWNER],
    )
    return connection


def material(connection: psycopg.Connection, who: str) -> dict[str, Any]:
    """Return what a key gets when it asks for the owner's conversation and prospect."""
    with acting_as(connection, KEYS[who]):
        row = connection.execute(
            "select public.load_assistant_material(%s, %s)", [CONVERSATION, PROSPECT]
        ).fetchone()
    assert row is not None
    read: dict[str, Any] = row[0]
    return read


def test_the_owner_reads_his_own(talk: psycopg.Connection) -> None:
    """The owner gets prospect, figures and turns."""
    read = material(talk, "owner")
    assert (read["user_id"], read["prospect"]["full_name"]) == (OWNER, "CANARY Santos")
    assert (read["figures"]["prospects"], read["message_count"]) == (1, 1)
    assert read["history"] == [{"role": "user", "content": "CANARY question"}]


@pytest.mark.parametrize("who", ["other", "administrator"])
@pytest.mark.parametrize("locks", ["both", "row security is off", "policies let all through"])
def test_no_one_else_reads_any_of_it(talk: psycopg.Connection, who: str, locks: str) -> None:
    """Other users get nothing by naming the ids, even without policies: the function filters by the caller too."""
    for table in TABLES:
        if locks == "row security is off":
            talk.execute(f"alter table public.{table} disable row level security".encode())
        if locks == "policies let all through":
            talk.execute(f"create policy open on public.{table} for select using (true)".encode())
    read = material(talk, who)
    assert read["user_id"] == KEYS[who].user_id
    assert (read["prospect"], read["history"], read["message_count"]) == (None, [], 0)
    assert read["figures"]["prospects"] == 0
    assert "CANARY" not in json.dumps(read)


def test_a_token_without_a_user_reads_nothing(talk: psycopg.Connection) -> None:
    """The result is null, not the rows without an owner."""
    talk.execute("set local role authenticated")
    row = talk.execute("select public.load_assistant_material(%s, %s)", [CONVERSATION, PROSPECT]).fetchone()
    assert row == (None,)


@pytest.mark.parametrize("metadata", [{}, {"scout_score": 90}, {"scout_score": "high"}, [1], "text", None])
def test_figures_are_right_with_any_metadata(talk: psycopg.Connection, metadata: object) -> None:
    """Browsers write that column freely; only a number counts as a score."""
    talk.execute("update public.prospects set metadata = %s", [Jsonb(metadata)])
    (person,) = material(talk, "owner")["figures"]["hottest"]
    assert person["scout_score"] == (90 if metadata == {"scout_score": 90} else None)


def talking(money: Money, user_id: UUID, conversation_id: UUID | None) -> dict[str, Any]:
    """Return the answer of a reservation for a turn."""
    return money.answer("select public.assistant_open(%s, %s)", conversation_id, written(user_id))


def turn(conversation_id: UUID, *, is_new: bool) -> dict[str, Any]:
    """Return a delivered turn in the form of the settlement."""
    return {
        "conversation_id": str(conversation_id),
        "is_new": is_new,
        "title": "T",
        "message": "tanong",
        "answer": "sagot",
    }


def stored(money: Money, conversation_id: UUID) -> list[tuple[str, str]]:
    """Return role and content of every message, in order."""
    rows = money.rows(
        "select role, content from public.assistant_messages where conversation_id = %s order by created_at",
        conversation_id,
    )
    return [(row["role"], row["content"]) for row in rows]


def test_a_turn_is_stored_once(money: Money) -> None:
    """A settlement whose answer was lost is sent again, and stores nothing more."""
    user, conversation = money.account(), uuid4()
    request = UUID(talking(money, user, None)["request_id"])
    for outcome in ("settled", "already_settled"):
        answer = money.settle(request, assistant=turn(conversation, is_new=True))
        assert (answer["outcome"], answer["storage_error"]) == (outcome, None)
    assert stored(money, conversation) == [("user", "tanong"), ("assistant", "sagot")]
    again = talking(money, user, conversation)
    money.settle(UUID(again["request_id"]), assistant=turn(conversation, is_new=False))
    assert [role for role, _ in stored(money, conversation)] == ["user", "assistant"] * 2
    assert money.broken(user) == []


def test_a_conversation_opens_for_its_owner_alone(money: Money) -> None:
    """Another user's conversation is not found, and nothing is held."""
    owner, stranger, conversation = money.account(), money.account(), uuid4()
    request = UUID(talking(money, owner, None)["request_id"])
    money.settle(request, assistant=turn(conversation, is_new=True))
    assert talking(money, stranger, conversation) == {"outcome": "conversation_not_found"}
    assert talking(money, owner, conversation)["outcome"] == "reserved"
    assert money.bound(stranger) == 0


@pytest.mark.parametrize("is_new", [True, False])
def test_no_turn_is_written_into_anothers_conversation(money: Money, is_new: bool) -> None:  # noqa: FBT001
    """The settlement charges and reports the refusal; the other conversation is unchanged."""
    owner, stranger, conversation = money.account(), money.account(), uuid4()
    money.settle(UUID(talking(money, owner, None)["request_id"]), assistant=turn(conversation, is_new=True))
    request = UUID(talking(money, stranger, None)["request_id"])
    answer = money.settle(request, assistant=turn(conversation, is_new=is_new))
    assert (answer["outcome"], answer["energy_charged"]) == ("settled", 10)
    # 23505: the id is taken.
    assert answer["storage_error"] == ("23505" if is_new else None)
    assert len(stored(money, conversation)) == 2
    assert money.broken(stranger) == []


def test_a_turn_that_comes_after_its_hold_is_not_stored(money: Money) -> None:
    """Nothing was charged for it, and the caller got an error."""
    user, conversation = money.account(), uuid4()
    request = UUID(talking(money, user, None)["request_id"])
    money.expire(request)
    answer = money.settle(request, attempt(), assistant=turn(conversation, is_new=True))
    assert (answer["outcome"], answer["energy_charged"]) == ("expired", 0)
    assert stored(money, conversation) == []


def test_a_conversation_goes_with_its_owner(talk: psycopg.Connection) -> None:
    """No row of a deleted user remains."""
    talk.execute("delete from auth.users where id = %s", [OWNER])
    left = talk.execute("select count(*) from public.assistant_messages").fetchone()
    assert left == (0,)


def test_no_message_sits_in_anothers_conversation(talk: psycopg.Connection) -> None:
    """The foreign key has both columns: not even the service can mix them."""
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        talk.execute(
            """insert into public.assistant_messages (conversation_id, user_id, role, content)
               values (%s, %s, 'user', 'x')""",
            [CONVERSATION, OTHER],
        )
