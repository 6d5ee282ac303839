"""A sign-up at the API; other tests create their users by SQL, and sign the tokens themselves."""

import jwt
import pytest

from local.stack.stack import Stack
from tests.books import Books
from tests.calls import orchestrated, through_gateway
from tests.conftest import Database, NewUser
from tests.users import User, sign_up


@pytest.fixture(scope="module")
def newcomer(stack: Stack) -> User:
    """Return a user who has just signed up."""
    return sign_up(stack)


def test_who_signs_up_is_a_user_of_the_database(newcomer: User, database: Database) -> None:
    """The user has the id and the address of the reply."""
    rows = database.execute("select email from auth.users where id = %s", [newcomer.id]).fetchall()
    assert rows == [(newcomer.email,)]


async def test_token_of_a_sign_up_is_served_and_charged(
    stack: Stack, newcomer: User, database: Database
) -> None:
    """The first call creates an account, and the reply has the remaining energy."""
    async with through_gateway(stack) as api:
        reply = await api(newcomer, orchestrated())
    assert reply.status_code == 200, reply.text
    assert reply.json()["meta"]["energyRemaining"] == Books(database, newcomer).energy()


def test_tokens_of_these_tests_are_as_those_of_a_sign_up(
    stack: Stack, newcomer: User, new_user: NewUser
) -> None:
    """They differ only in user and time, so a function treats a user created by SQL alike."""
    real, ours = newcomer.access_token, new_user().access_token
    assert jwt.get_unverified_header(real) == jwt.get_unverified_header(ours)
    claims = [
        jwt.decode(token, stack.jwt_secret, ["HS256"], audience="authenticated") for token in (real, ours)
    ]
    assert claims[0].keys() == claims[1].keys()
    assert [(each["role"], each["exp"] - each["iat"]) for each in claims] == [("authenticated", 3600)] * 2
