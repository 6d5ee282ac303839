"""Users cannot create energy: a client key keeps every money column unchanged, without an error, by every verb."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.money import Money
from tests.sql.roles import Key, acting_as

ENERGY = {
    "current_energy": 99999,
    "max_energy": 99999,
    "tier": "enterprise",
    "last_reset": "2000-01-01",
    "regen_multiplier": 99,
    "surge_multiplier": 99,
    "regen_rate_per_hour": 999,
    "last_regen_at": "2000-01-01",
    "next_regen_at": "2000-01-01",
    "daily_token_budget": 999999,
    "tokens_used_today": -5,
    "user_id": str(uuid4()),
}
PROFILE = {
    "coin_balance": 99999,
    "coins_balance": 99999,
    "energy_balance": 99999,
    "subscription_tier": "enterprise",
}


@pytest.fixture
def session(money_url: str) -> Iterator[psycopg.Connection]:
    """Yield a transaction that is rolled back."""
    with psycopg.connect(money_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def user(money: Money) -> UUID:
    """Return a free user with 42 energy and 7 coins."""
    return money.account(tier="free", energy=42, coins=7)


def row(session: psycopg.Connection, table: str, user: UUID) -> object:
    """Return the user's row as it is."""
    column = "id" if table == "profiles" else "user_id"
    found = session.execute(f"select to_jsonb(t) from public.{table} t where {column} = %s".encode(), [user])
    return found.fetchall()


@pytest.mark.parametrize("column", ENERGY)
def test_fault_12_user_cannot_change_the_own_energy_row(
    column: str, user: UUID, session: psycopg.Connection
) -> None:
    """The update succeeds, matches the row, and changes nothing (fault 12)."""
    before = row(session, "user_energy", user)
    with acting_as(session, Key("authenticated", str(user))):
        met = session.execute(
            f"update public.user_energy set {column} = %s where user_id = %s".encode(), [ENERGY[column], user]
        )
    assert met.rowcount == 1
    assert row(session, "user_energy", user) == before


@pytest.mark.parametrize("column", PROFILE)
def test_fault_12_user_cannot_change_the_money_of_the_own_profile(
    column: str, user: UUID, session: psycopg.Connection
) -> None:
    """Coins, energy and tier stay; the rest of the same update is done (fault 12)."""
    with acting_as(session, Key("authenticated", str(user))):
        session.execute(
            f"update public.profiles set {column} = %s, full_name = 'Ana Reyes' where id = %s".encode(),
            [PROFILE[column], user],
        )
    found = session.execute(
        """select coin_balance, coins_balance, energy_balance, subscription_tier, full_name
           from public.profiles where id = %s""",
        [user],
    ).fetchone()
    assert found == (7, 100, 0, "free", "Ana Reyes")


def test_columns_that_are_no_money_still_change(user: UUID, session: psycopg.Connection) -> None:
    """Old browser code can still write its other columns in the same statement."""
    with acting_as(session, Key("authenticated", str(user))):
        session.execute(
            """update public.user_energy set current_energy = 999, streak_days = 4, preferred_mode = 'eco'
               where user_id = %s""",
            [user],
        )
    found = session.execute(
        "select current_energy, streak_days, preferred_mode from public.user_energy where user_id = %s",
        [user],
    )
    assert found.fetchone() == (42, 4, "eco")


def test_unchanged_values_pass(user: UUID, session: psycopg.Connection) -> None:
    """Writing back the values that were read is allowed."""
    with acting_as(session, Key("authenticated", str(user))):
        met = session.execute(
            "update public.user_energy set current_energy = 42, tier = tier where user_id = %s", [user]
        )
    assert met.rowcount == 1


def test_fault_12_upsert_mints_nothing(user: UUID, session: psycopg.Connection) -> None:
    """The client library's upsert keeps both rows unchanged (fault 12)."""
    before = row(session, "user_energy", user), row(session, "profiles", user)
    with acting_as(session, Key("authenticated", str(user))):
        session.execute(
            """insert into public.user_energy (user_id, current_energy) values (%s, 99999)
               on conflict (user_id) do update set current_energy = excluded.current_energy""",
            [user],
        )
        session.execute(
            """insert into public.profiles (id, email, unique_user_id, coin_balance, subscription_tier)
               values (%s, 'somebody@nexscout.test', %s, 99999, 'enterprise')
               on conflict (id) do update
               set coin_balance = excluded.coin_balance, subscription_tier = excluded.subscription_tier""",
            [user, str(user)],
        )
    assert (row(session, "user_energy", user), row(session, "profiles", user)) == before


def test_fault_12_merge_mints_nothing(user: UUID, session: psycopg.Connection) -> None:
    """SQL's own upsert changes nothing either (fault 12)."""
    with acting_as(session, Key("authenticated", str(user))):
        session.execute(
            """merge into public.user_energy e using (select %s::uuid as id) s on e.user_id = s.id
               when matched then update set current_energy = 99999""",
            [user],
        )
    assert session.execute(
        "select current_energy from public.user_energy where user_id = %s", [user]
    ).fetchone() == (42,)


def test_fault_12_insert_gets_the_defaults(money: Money, session: psycopg.Connection) -> None:
    """A user who inserts the rows gets the defaults, whatever the values are (fault 12)."""
    user = money.account(tier=None, energy=None)
    with acting_as(session, Key("authenticated", str(user))):
        session.execute(
            """insert into public.user_energy (user_id, current_energy, max_energy, tier, last_reset)
               values (%s, 99999, 99999, 'enterprise', '2000-01-01')""",
            [user],
        )
        session.execute(
            """insert into public.profiles
                 (id, email, unique_user_id, coin_balance, coins_balance, energy_balance, subscription_tier)
               values (%s, 'somebody@nexscout.test', %s, 9, 9, 9, 'enterprise')""",
            [user, str(user)],
        )
    energy = session.execute(
        """select current_energy, max_energy, tier, last_reset > now() - interval '1 day'
           from public.user_energy where user_id = %s""",
        [user],
    ).fetchone()
    profile = session.execute(
        "select coin_balance, coins_balance, energy_balance, subscription_tier from public.profiles where id = %s",
        [user],
    ).fetchone()
    assert (energy, profile) == ((100, 100, "free", True), (0, 100, 0, "free"))


@pytest.mark.parametrize("table", ["user_energy", "profiles", "energy_transactions"])
def test_fault_12_user_cannot_delete_to_start_again(
    table: str, user: UUID, session: psycopg.Connection
) -> None:
    """A row that could be created again with its defaults cannot be deleted (fault 12)."""
    before = row(session, table, user)
    column = "id" if table == "profiles" else "user_id"
    with acting_as(session, Key("authenticated", str(user))):
        met = session.execute(f"delete from public.{table} where {column} = %s".encode(), [user])
    assert met.rowcount == 0
    assert row(session, table, user) == before


def test_ledger_row_of_a_user_never_counts(user: UUID, session: psycopg.Connection) -> None:
    """A client's row is only a note: its delta and its request are removed."""
    with acting_as(session, Key("authenticated", str(user))):
        session.execute(
            """insert into public.energy_transactions (user_id, type, reason, energy, balance_after, delta, request_id)
               values (%s, 'credit', 'gift', 500, 542, 500, gen_random_uuid())""",
            [user],
        )
    found = session.execute(
        "select delta, request_id from public.energy_transactions where user_id = %s and reason = 'gift'",
        [user],
    )
    assert found.fetchone() == (None, None)


@pytest.mark.parametrize(
    "statement", ["update public.energy_transactions set delta = 500", "truncate public.energy_transactions"]
)
def test_fault_12_user_cannot_touch_ledger_rows(
    statement: str, user: UUID, session: psycopg.Connection
) -> None:
    """Neither an update nor emptying the table changes a row (fault 12)."""
    before = row(session, "energy_transactions", user)
    with session.transaction() as attempt:
        try:
            with acting_as(session, Key("authenticated", str(user))):
                session.execute(statement.encode())
        except psycopg.errors.RestrictViolation:
            raise psycopg.Rollback(attempt) from None
    assert row(session, "energy_transactions", user) == before


def test_stranger_and_visitor_change_nothing(user: UUID, money: Money, session: psycopg.Connection) -> None:
    """Another user and the anonymous key do not match the row."""
    for key in (Key("authenticated", str(money.account())), Key("anon")):
        with acting_as(session, key):
            met = session.execute(
                "update public.user_energy set current_energy = 9 where user_id = %s", [user]
            )
        assert met.rowcount == 0


SERVICE = {
    "energy": """update public.user_energy set current_energy = 500, max_energy = 500 where user_id = %s
                 returning current_energy""",
    "tier and coins": """update public.profiles set subscription_tier = 'pro', coin_balance = 500 where id = %s
                         returning coin_balance""",
}


@pytest.mark.parametrize("what", SERVICE)
def test_service_changes_money(what: str, user: UUID, session: psycopg.Connection) -> None:
    """A payment that the app records with the service key is stored."""
    with acting_as(session, Key("service_role")):
        assert session.execute(SERVICE[what].encode(), [user]).fetchone() == (500,)


def test_definer_function_of_the_app_changes_money(user: UUID, session: psycopg.Connection) -> None:
    """A purchase by a function of the app acts for the app, also when a user calls it."""
    session.execute(
        """create function public.buy_energy_for_test(p_user uuid) returns void language sql security definer as
           $$ update public.user_energy set current_energy = current_energy + 8 where user_id = p_user $$"""
    )
    with acting_as(session, Key("authenticated", str(user))):
        session.execute("select public.buy_energy_for_test(%s)", [user])
    assert session.execute(
        "select current_energy from public.user_energy where user_id = %s", [user]
    ).fetchone() == (50,)
