"""The ends of a call: charged what was delivered, never more than was held, and only once."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.lock_wait import waiting
from tests.sql.money import Money, attempt, written

# Each line is an order of events on an account of 100 energy with one premium hold of 10.
# S settle, R release, E the hold expires, W a sweep. Then: the outcome of the last call, state, balance.
ENDINGS = """
events  outcome            state     balance
S       settled            settled   90
R       released           released  100
SS      already_settled    settled   90
SR      already_settled    settled   90
RS      already_released   released  100
RR      already_released   released  100
ES      expired            expired   100
ER      expired            expired   100
ESS     expired            expired   100
EWS     expired            expired   100
EWR     expired            expired   100
EWSW    -                  expired   100
SE      -                  settled   90
SEW     -                  settled   90
SWS     already_settled    settled   90
"""
ENDING_LINES = [line.split() for line in ENDINGS.strip().splitlines()[1:]]


@pytest.mark.parametrize("line", ENDING_LINES, ids=lambda line: str(line[0]))
def test_hold_resolves_once(line: list[str], money: Money) -> None:
    """The first one ends the hold; later ones get its end, and change no balance."""
    user = money.account(energy=100)
    request = money.held(user)
    answer = {"outcome": "-"}
    for event in line[0]:
        answer = act(money, event, request)
        assert money.broken(user) == []
    row = money.request(request)
    assert [answer.get("outcome", "-"), row["state"], str(money.balance(user))] == line[1:]
    assert money.bound(user) == 0


def act(money: Money, event: str, request: UUID) -> dict[str, str]:
    """Do one letter of the table; a letter without a call has no outcome."""
    match event:
        case "S":
            return money.settle(request)
        case "R":
            return money.release(request, attempt(state="failed"))
        case "W":
            money.sweep()
        case _:
            money.expire(request)
    return {"outcome": "-"}


def test_unknown_request_is_an_outcome(money: Money) -> None:
    """Settling or releasing an unknown request is an outcome."""
    assert [money.settle(uuid4())["outcome"], money.release(uuid4())["outcome"]] == ["unknown_request"] * 2


# Held class, energy of the account at the reservation, class that served, change of the balance by others
# meanwhile -> charged, balance after.
CHARGES = """
held      energy  served    meanwhile  charged  after
premium   100     premium   0          10       90
premium   100     standard  0          3        97
standard  100     standard  0          3        97
standard  100     premium   0          3        97
premium   10      premium   0          10       0
premium   10      premium   -4         6        0
premium   10      premium   -10        0        0
premium   10      standard  -8         2        0
premium   10      premium   50         10       50
"""
CHARGE_LINES = [line.split() for line in CHARGES.strip().splitlines()[1:]]


@pytest.mark.parametrize("line", CHARGE_LINES, ids="-".join)
def test_charge_is_the_served_class_within_the_hold(line: list[str], money: Money) -> None:
    """A cheaper class costs less, a more expensive one at most the hold, and no balance falls below zero."""
    held, energy, served, meanwhile, charged, after = line
    user = money.account(energy=int(energy))
    request = money.held(user, held)
    if int(meanwhile):
        money.add_energy(user, int(meanwhile))
    answer = money.settle(request, model_class=served)
    assert [str(answer["energy_charged"]), str(money.balance(user))] == [charged, after]
    assert money.usage(request)["energy_consumed"] == int(charged)
    assert money.broken(user) == []


def test_class_without_price_is_charged_the_hold(money: Money) -> None:
    """A served class without a price costs what was held, never nothing."""
    with money.priced(energy=7) as action:
        user = money.account(energy=100)
        answer = money.settle(money.held(user, action=action), model_class="standard")
        assert (answer["energy_charged"], money.balance(user)) == (7, 93)


def test_price_change_between_reserve_and_settle_has_no_effect(money: Money) -> None:
    """A call costs the price at its admission."""
    with money.priced(energy=10) as action:
        user = money.account(energy=100)
        request = money.held(user, action=action)
        money.admin.execute("update public.ai_action_prices set energy = 40 where action = %s", [action])
        assert money.settle(request)["energy_charged"] == 10
        assert money.reserve(user, action=action)["energy_held"] == 40


def test_price_row_deleted_between_reserve_and_settle_has_no_effect(money: Money) -> None:
    """An action that was removed is still charged to calls that were admitted before."""
    with money.priced(energy=10) as action:
        user = money.account(energy=100)
        request = money.held(user, action=action)
        money.admin.execute("delete from public.ai_action_prices where action = %s", [action])
        assert money.settle(request)["energy_charged"] == 10


def test_answer_has_the_energy_beside_other_holds(money: Money) -> None:
    """Available energy is the balance less the holds of other calls."""
    user = money.account(energy=100)
    first, _ = money.held(user), money.held(user)
    assert money.settle(first)["energy_available"] == 80
    assert money.settle(first)["energy_available"] == 80


def test_remaining_energy_is_never_reported_below_zero(money: Money) -> None:
    """If others have taken the held energy, the reported energy is zero, never negative."""
    user = money.account(energy=20)
    first, second = money.held(user), money.held(user)
    money.add_energy(user, -15)
    assert money.settle(first)["energy_available"] == 0
    assert money.settle(second)["energy_available"] == 0
    assert money.balance(user) == 0


def test_late_settle_records_tokens_and_cost_without_charge(money: Money) -> None:
    """A call that ends after its hold's expiry costs no energy; the provider's bill is recorded."""
    user = money.account(energy=100)
    request = money.held(user)
    money.expire(request)
    money.sweep()
    assert money.usage(request)["cost_usd"] == Decimal("0.01")
    money.settle(request, attempt(cost_usd="0.0035"))
    row = money.usage(request)
    assert (row["cost_usd"], row["cost_estimated"], row["tokens_total"]) == (Decimal("0.0035"), False, 1100)
    assert (row["success"], row["error_code"], row["energy_consumed"]) == (False, "abandoned", 0)
    assert money.request(request)["cost_usd"] == Decimal("0.0035")
    assert money.broken(user) == []


def test_usage_row_sums_the_attempts(money: Money) -> None:
    """Tokens and USD are the sums of all attempts, including failed ones."""
    user = money.account()
    request = money.held(user)
    money.note(request, 2)
    money.settle(
        request,
        attempt(
            1, "failed", tokens_completion=0, cost_usd="0.0025", error_code="timeout", cost_estimated=True
        ),
        attempt(2, tokens_cached=400, tokens_reasoning=50, cost_usd="0.000000000001"),
        model="gpt-4o-mini",
        model_class="standard",
        fallback_used=True,
        latency_ms=1234,
    )
    row = money.usage(request)
    figures = ("tokens_prompt", "tokens_completion", "tokens_total", "tokens_cached", "tokens_reasoning")
    assert [row[name] for name in figures] == [2000, 100, 2100, 400, 50]
    assert row["cost_usd"] == Decimal("0.002500000001")
    assert (row["retry_count"], row["fallback_used"], row["cost_estimated"]) == (1, True, True)
    assert (row["model"], row["latency_ms"], row["energy_consumed"]) == ("gpt-4o-mini", 1234, 3)
    assert money.broken(user) == []


def test_released_call_keeps_its_cost_and_reason(money: Money) -> None:
    """A failed call costs no energy; its USD and its code are in the log."""
    user = money.account(energy=100)
    request = money.held(user)
    answer = money.release(request, attempt(state="failed"), error_code="deadline_exceeded")
    row = money.usage(request)
    assert (answer["energy_charged"], answer["energy_available"]) == (0, 100)
    assert (row["success"], row["error_code"], row["cost_usd"]) == (
        False,
        "deadline_exceeded",
        Decimal("0.0035"),
    )


def test_deleted_prospect_keeps_usage_and_ledger(money: Money) -> None:
    """If the prospect is deleted during the call, usage and ledger stay; the generation has no prospect."""
    user = money.account(energy=100)
    prospect = money.value(
        "insert into public.prospects (user_id, full_name) values (%s, 'Dina Santos') returning id", user
    )
    request = money.held(user, prospect_id=str(prospect))
    money.admin.execute("delete from public.prospects where id = %s", [prospect])
    generation = uuid4()
    answer = money.settle(request, generation=generated(generation))
    assert (answer["outcome"], answer["storage_error"]) == ("settled", None)
    assert money.usage(request)["prospect_id"] == prospect
    assert money.rows("select prospect_id from public.ai_generations where id = %s", generation) == [
        {"prospect_id": None}
    ]
    assert money.ledger(user)[-1] == ("ai_message", -10, 90)


def test_prospect_of_another_user_is_not_linked(money: Money) -> None:
    """A generation never refers to another user's prospect."""
    stranger = money.account()
    prospect = money.value(
        "insert into public.prospects (user_id, full_name) values (%s, 'Dina Santos') returning id", stranger
    )
    request = money.held(money.account(), prospect_id=str(prospect))
    generation = uuid4()
    money.settle(request, generation=generated(generation))
    assert money.rows("select prospect_id from public.ai_generations where id = %s", generation) == [
        {"prospect_id": None}
    ]


def generated(generation_id: UUID) -> dict[str, object]:
    """Return the row of a generation in the form of settle."""
    return {
        "id": str(generation_id),
        "generation_type": "message",
        "input_data": {"tone": "warm"},
        "output_text": "Kumusta!",
        "output_data": {"message": "Kumusta!"},
        "model_used": "gpt-4o",
        "tokens_used": 1100,
    }


def test_refused_feature_row_is_recorded_and_the_money_stands(money: Money) -> None:
    """A refusal by a trigger of the app is reported, also to a repeat; the charge stands."""
    user = money.account(energy=100)
    request = money.held(user, idempotency_key="k", body_hash="h")
    reply = {"generationId": "made-before", "meta": {}}
    with refusing_generations(money):
        answer = money.settle(request, generation=generated(uuid4()), reply=reply)
    assert (answer["outcome"], answer["storage_error"], answer["energy_charged"]) == ("settled", "P0001", 10)
    assert money.request(request)["storage_error"] == "P0001"
    assert money.settle(request)["storage_error"] == "P0001", "the first answer may be lost on the way"
    assert money.balance(user) == 90
    assert money.broken(user) == []
    replayed = money.reserve(user, idempotency_key="k", body_hash="h")
    assert replayed["reply"]["generationId"] is None, "a replay is the first reply again, which named no row"


@contextmanager
def refusing_generations(money: Money) -> Iterator[None]:
    """Create a trigger of the app that refuses every row, for the block."""
    money.admin.execute(
        """create function pg_temp.refuse() returns trigger language plpgsql as
           $$ begin raise exception 'not today'; end $$;
           create trigger refuse before insert on public.ai_generations
             for each row execute function pg_temp.refuse()"""
    )
    try:
        yield
    finally:
        money.admin.execute("drop trigger refuse on public.ai_generations")
        money.admin.execute("drop function pg_temp.refuse()")


def test_stored_generation_is_named_in_the_replay(money: Money) -> None:
    """A replay names the stored row, as the first reply did."""
    user, generation = money.account(), uuid4()
    request = money.held(user, idempotency_key="k", body_hash="h")
    answer = money.settle(request, generation=generated(generation), reply={"generationId": str(generation)})
    assert answer["storage_error"] is None
    replayed = money.reserve(user, idempotency_key="k", body_hash="h")
    assert replayed["reply"]["generationId"] == str(generation)


def test_user_deleted_during_the_call_leaves_nothing(money: Money) -> None:
    """The account's rows are deleted with it; the returning call gets an unknown request."""
    user = money.account(energy=100)
    request = money.held(user)
    money.admin.execute("delete from auth.users where id = %s", [user])
    assert money.settle(request)["outcome"] == "unknown_request"
    assert money.ledger(user) == []


@pytest.mark.parametrize("function", ["ai_settle", "ai_release"])
def test_user_deleted_while_the_settlement_waits_is_an_outcome(
    function: str, money: Money, money_url: str
) -> None:
    """A settlement that waits for the deletion of its account ends with an outcome, not with an error."""
    user = money.account(energy=100)
    request = money.held(user)
    with psycopg.connect(money_url) as deleter, waiting(money_url) as waiter:
        deleter.execute("delete from auth.users where id = %s", [user])
        answer = waiter.start(f"select public.{function}(%s, %s)", request, '{"attempts": []}')
        waiter.wait_until_blocked(money.admin)
        deleter.commit()
        assert answer.result()["outcome"] == "unknown_request"


def test_user_deleted_while_the_reservation_waits_is_an_outcome(money: Money, money_url: str) -> None:
    """A reservation that waits for the deletion of its account finds no account."""
    user = money.account(energy=100)
    with psycopg.connect(money_url) as deleter, waiting(money_url) as waiter:
        deleter.execute("delete from auth.users where id = %s", [user])
        answer = waiter.start("select public.ai_reserve(%s)", written(user))
        waiter.wait_until_blocked(money.admin)
        deleter.commit()
        assert answer.result()["outcome"] == "unknown_account"


def test_user_deleted_in_the_middle_of_a_call_waits_for_its_end(money: Money, money_url: str) -> None:
    """Both lock the user first: a deletion between two steps of a call is no deadlock."""
    user = money.account(energy=100)
    with psycopg.connect(money_url) as call, waiting(money_url, "postgres") as deleter:
        call.execute("select nexscout.lock_account(%s)", [user])
        deleted = deleter.start("delete from auth.users where id = %s returning true", user)
        deleter.wait_until_blocked(money.admin)
        row = call.execute("select public.ai_reserve(%s)", [written(user)]).fetchone()
        call.commit()
        assert row is not None
        assert row[0]["outcome"] == "reserved"
        assert deleted.result() is True
    assert money.settle(row[0]["request_id"])["outcome"] == "unknown_request"


def test_settlements_of_one_request_in_parallel_charge_once(money: Money, money_url: str) -> None:
    """Of two settlements at the lock one charges; the other gets the outcome."""
    user = money.account(energy=100)
    request = money.held(user)
    statement, record = "select public.ai_settle(%s, %s)", '{"attempts": []}'
    with psycopg.connect(money_url) as first, waiting(money_url) as waiter:
        row = first.execute(statement.encode(), [request, record]).fetchone()
        second = waiter.start(statement, request, record)
        waiter.wait_until_blocked(money.admin)
        first.commit()
        assert row is not None
        assert [row[0]["outcome"], second.result()["outcome"]] == ["settled", "already_settled"]
    assert money.balance(user) == 90
