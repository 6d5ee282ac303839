"""The ledger is complete: every change of a balance is a row, and no row is ever changed."""

from uuid import UUID

import psycopg
import pytest

from tests.sql.money import Money

# What is done to an account of 100 energy, and the ledger rows after the opening one.
CHANGES: dict[str, tuple[str, list[tuple[str, int, int]]]] = {
    "top-up": (
        "update public.user_energy set current_energy = current_energy + 40 where user_id = %(user)s",
        [("external", 40, 140)],
    ),
    "spend": (
        "update public.user_energy set current_energy = 30 where user_id = %(user)s",
        [("external", -70, 30)],
    ),
    "same value": ("update public.user_energy set current_energy = 100 where user_id = %(user)s", []),
    "another column": ("update public.user_energy set streak_days = 3 where user_id = %(user)s", []),
    "upsert": (
        """insert into public.user_energy (user_id, current_energy) values (%(user)s, 5)
           on conflict (user_id) do update set current_energy = excluded.current_energy""",
        [("external", -95, 5)],
    ),
    "merge": (
        """merge into public.user_energy e using (select %(user)s::uuid as id) s on e.user_id = s.id
           when matched then update set current_energy = 101""",
        [("external", 1, 101)],
    ),
    "delete": ("delete from public.user_energy where user_id = %(user)s", [("external", -100, 0)]),
    "change with a reason": (
        "select nexscout.change_energy(%(user)s, -1, 'correction')",
        [("correction", -1, 99)],
    ),
    "change with a reason, then one without": (
        """with c as (select nexscout.change_energy(%(user)s, -1, 'correction'))
           select from c; update public.user_energy set current_energy = 50 where user_id = %(user)s""",
        [("correction", -1, 99), ("external", -49, 50)],
    ),
}


@pytest.mark.parametrize("role", ["service_role", "postgres"])
@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_a_row(what: str, role: str, money: Money) -> None:
    """The ledger has each change of a balance, by any role and in any way."""
    statement, rows = CHANGES[what]
    user = money.account(energy=100)
    with psycopg.ClientCursor(money.service if role == "service_role" else money.admin) as cursor:
        cursor.execute(statement.encode(), {"user": user})
    assert money.ledger(user) == [("external", 100, 100), *rows]
    assert money.ledger_sum(user) == money.balance(user)


def test_definer_function_of_the_app_is_recorded(money: Money) -> None:
    """The app's own functions run with their owner's rights; their changes are recorded."""
    user = money.account(energy=100)
    money.admin.execute(
        """create function pg_temp.bonus(p_user uuid) returns void language sql security definer as
           $$ update public.user_energy set current_energy = current_energy + 7 where user_id = p_user $$"""
    )
    money.admin.execute("select pg_temp.bonus(%s)", [user])
    money.admin.execute("drop function pg_temp.bonus")
    assert money.ledger(user)[-1] == ("external", 7, 107)


def test_first_row_of_an_account_opens_its_ledger(money: Money) -> None:
    """An account that starts with nothing has an opening row too."""
    assert money.ledger(money.account(energy=0)) == [("external", 0, 0)]


def test_account_made_again_goes_on_where_it_was(money: Money) -> None:
    """A deleted account that is created again sums from zero."""
    user = money.account(energy=30)
    money.service.execute("delete from public.user_energy where user_id = %s", [user])
    money.held(user)
    assert money.ledger(user) == [("external", 30, 30), ("external", -30, 0), ("opening", 500, 500)]
    assert money.broken(user) == []


def test_balance_that_moves_to_another_user_is_recorded_for_both(money: Money) -> None:
    """Changing the owner of a row takes from one user and gives to the other."""
    giver, taker = money.account(energy=30), money.account(energy=None)
    money.service.execute("update public.user_energy set user_id = %s where user_id = %s", [taker, giver])
    assert (money.ledger_sum(giver), money.ledger_sum(taker)) == (0, 30)
    assert money.broken(giver) + money.broken(taker) == []


# What is forbidden in the ledger, for which role.
FORBIDDEN = {
    "update": "update public.energy_transactions set delta = 1000000 where user_id = %(user)s",
    "update of another column": "update public.energy_transactions set reason = 'gift' where user_id = %(user)s",
    "delete": "delete from public.energy_transactions where user_id = %(user)s",
    "truncate the ledger": "truncate public.energy_transactions",
    "truncate the balances": "truncate public.user_energy",
}


@pytest.mark.parametrize("role", ["service_role", "postgres"])
@pytest.mark.parametrize("what", FORBIDDEN)
def test_ledger_is_append_only(what: str, role: str, money: Money) -> None:
    """No role can change or delete rows, not even the owner of the database."""
    user = money.account(energy=100)
    with (
        psycopg.ClientCursor(money.service if role == "service_role" else money.admin) as cursor,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        cursor.execute(FORBIDDEN[what].encode(), {"user": user})
    assert money.ledger(user) == [("external", 100, 100)]


def test_deleted_user_takes_everything_along(money: Money) -> None:
    """The cascade of a deleted user is the only way in which ledger rows are deleted."""
    user = money.account(energy=100)
    money.settle(money.held(user, group_key="t"))
    money.held(user)
    money.reserve(user, action="ai_pitch_deck")
    money.admin.execute("delete from auth.users where id = %s", [user])
    assert {table: left(money, table, user) for table in OWNED} == dict.fromkeys(OWNED, 0)


OWNED = (
    "user_energy",
    "energy_transactions",
    "ai_requests",
    "ai_charge_groups",
    "ai_usage_logs",
    "ai_usage_attempts",
    "ai_spend_caps where subject_id",
)


def left(money: Money, table: str, user: UUID) -> int:
    """Return the number of rows of a user in a table."""
    condition = f"{table} = %s" if " where " in table else f"{table} where user_id = %s"
    return int(money.value(f"select count(*) from public.{condition}", user))


def test_ledger_names_the_request(money: Money) -> None:
    """A charge has its call and its action; a change by others has none."""
    user = money.account(energy=100)
    request = money.held(user)
    money.settle(request)
    money.add_energy(user, 5)
    rows = money.rows(
        """select request_id, reason, type, energy from public.energy_transactions
           where user_id = %s order by created_at""",
        user,
    )
    assert rows[1:] == [
        {"request_id": request, "reason": "ai_message", "type": "debit", "energy": 10},
        {"request_id": None, "reason": "external", "type": "credit", "energy": 5},
    ]


def test_older_rows_do_not_count(money: Money) -> None:
    """Rows older than the ledger have no delta and change no sum."""
    user = money.account(energy=100)
    money.service.execute(
        """insert into public.energy_transactions (user_id, type, reason, energy, balance_after)
           values (%s, 'spend', 'long ago', 60, 40)""",
        [user],
    )
    assert money.ledger_sum(user) == 100
    assert money.broken(user) == []
