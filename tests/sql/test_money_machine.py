"""Any sequence of events leaves the books right: random sequences beside a simple model, checked after each step."""

from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.sql.model import CALLS_PER_CHARGE, COINS, ENERGY, Account, Call
from tests.sql.money import Money, attempt

ACTION = "action_of_the_machine"
Named = tuple[UUID, Call]
CLASSES = st.sampled_from(["premium", "standard"])
WISHES = st.sampled_from([("premium",), ("standard",), ("premium", "standard")])


def courses(number: int, steps: int) -> settings:
    """Return settings that give the same sequences at every run."""
    return settings(
        max_examples=number,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class MoneyMachine(RuleBasedStateMachine):
    """One account; every rule does the same to the database and to the model, and compares the answers."""

    money: ClassVar[Money]
    calls: Bundle[Named] = Bundle("calls")
    shadows: Bundle[UUID] = Bundle("shadows")

    def __init__(self) -> None:
        super().__init__()
        self.model = Account(tier="pro", energy=40, coins=7)
        self.user = self.money.account(tier="pro", energy=40, coins=7)

    @rule(
        target=calls,
        wish=WISHES,
        group=st.sampled_from([None, None, "s", "t"]),
        key=st.sampled_from([None, None, None, "k", "l"]),
        body=st.sampled_from(["h", "h", "h", "other"]),
    )
    def reserve(
        self, wish: tuple[str, ...], group: str | None, key: str | None, body: str
    ) -> Named | MultipleResults[Named]:
        """Reserve a call."""
        expected = self.model.reserve(wish, group, key, body)
        answer = self.money.reserve(
            self.user, *wish, action=ACTION, group_key=group, idempotency_key=key, body_hash=body
        )
        assert answer["outcome"] == expected, answer
        if expected != "reserved":
            return multiple()
        call = self.model.calls[-1]
        assert (answer["energy_held"], answer["coins_held"]) == (call.energy, call.coins)
        assert answer["energy_available"] == self.model.available()
        return UUID(answer["request_id"]), call

    @rule(
        target=shadows,
        wish=WISHES,
        group=st.sampled_from([None, "s"]),
        key=st.sampled_from([None, "k"]),
    )
    def reserve_shadow(
        self, wish: tuple[str, ...], group: str | None, key: str | None
    ) -> UUID | MultipleResults[UUID]:
        """Reserve a shadow call, which the model does not know."""
        answer = self.money.reserve(
            self.user,
            *wish,
            action=ACTION,
            group_key=group,
            idempotency_key=key,
            body_hash="other",
            shadow=True,
        )
        if wish == ("premium",) and self.model.tier == "free":
            assert answer["outcome"] == "upgrade_required"
            return multiple()
        assert (answer["outcome"], answer["energy_held"], answer["coins_held"]) == ("reserved", 0, 0)
        return UUID(answer["request_id"])

    @rule(request=shadows, served=CLASSES, delivered=st.booleans())
    def end_shadow(self, request: UUID, served: str, *, delivered: bool) -> None:
        """End a shadow call, once or again: it is never charged."""
        answer = self.money.settle(request, model_class=served) if delivered else self.money.release(request)
        assert (answer["energy_charged"], answer["coins_charged"]) == (0, 0)

    @rule(named=calls)
    def note(self, named: Named) -> None:
        """Note a second attempt."""
        request, call = named
        outcome = self.money.note(request)["outcome"]
        if call.state == "held":
            assert outcome == ("expired" if call.dead else "noted")
        else:
            assert outcome == ("expired" if call.state == "expired" else f"already_{call.state}")

    @rule(named=calls, served=CLASSES)
    def settle(self, named: Named, served: str) -> None:
        """Settle a call."""
        request, call = named
        outcome, energy, coins = self.model.end(call, served, delivered=True)
        answer = self.money.settle(request, model_class=served, reply={"message": "Kumusta!"})
        self.compare(answer, outcome)
        if outcome == "settled":
            assert (answer["energy_charged"], answer["coins_charged"]) == (energy, coins)

    @rule(named=calls, sent=st.integers(0, 2))
    def release(self, named: Named, sent: int) -> None:
        """Release a call after some attempts."""
        request, call = named
        outcome, _, _ = self.model.end(call, "premium", delivered=False)
        attempts = [attempt(number, "failed", cost_usd="0.001") for number in range(1, sent + 1)]
        self.compare(self.money.release(request, *attempts), outcome)

    def compare(self, answer: dict[str, object], outcome: str) -> None:
        """Compare the answer with the model's."""
        assert answer["outcome"] == outcome, answer
        assert answer["energy_available"] == self.model.available()

    @rule(named=calls)
    def expire(self, named: Named) -> None:
        """Let a hold expire without a sweep."""
        request, call = named
        self.money.expire(request)
        call.dead = True

    @rule()
    def sweep(self) -> None:
        """Run a sweep; it reads the accounts for which there is work."""
        self.money.sweep()
        if self.model.new_day or any(call.dead for call in self.model.open()):
            self.model.look()

    @rule()
    def begin_a_day(self) -> None:
        """Let midnight pass in Manila."""
        self.money.admin.execute(
            "update public.user_energy set last_reset = last_reset - interval '1 day' where user_id = %s",
            [self.user],
        )
        self.model.new_day = True

    @rule(tier=st.sampled_from(["free", "pro"]))
    def change_tier(self, tier: str) -> None:
        """Let the user subscribe, or end the subscription."""
        self.money.admin.execute(
            "update public.profiles set subscription_tier = %s where id = %s", [tier, self.user]
        )
        self.model.tier = tier

    @rule(delta=st.integers(-40, 40))
    def change_from_outside(self, delta: int) -> None:
        """Let the app add or take energy, as far as there is some."""
        delta = max(delta, -self.model.energy)
        self.money.add_energy(self.user, delta)
        self.model.energy += delta

    @rule(coins=st.integers(0, 7))
    def change_coins(self, coins: int) -> None:
        """Let the app set the coins."""
        self.money.admin.execute(
            "update public.profiles set coin_balance = %s where id = %s", [coins, self.user]
        )
        self.model.coins = coins

    @rule()
    def let_ten_minutes_pass(self) -> None:
        """Let all groups expire."""
        self.money.admin.execute(
            "update public.ai_charge_groups set opened_at = opened_at - interval '10 minutes' where user_id = %s",
            [self.user],
        )
        for group in self.model.groups:
            group.over = True

    @invariant()
    def books_are_right(self) -> None:
        """Balance, coins and states equal the model's, and no invariant is broken."""
        assert self.money.balance(self.user) == self.model.energy
        assert self.money.value("select coin_balance from public.profiles where id = %s", self.user) == (
            self.model.coins
        )
        states = self.money.rows(
            "select state from public.ai_requests where user_id = %s and not shadow order by created_at",
            self.user,
        )
        assert [row["state"] for row in states] == [call.state for call in self.model.calls]
        assert self.money.broken(self.user) == []

    @invariant()
    def live_holds_are_covered(self) -> None:
        """The energy held equals the model's."""
        if not any(call.dead for call in self.model.open()):
            assert self.money.bound(self.user) == self.model.bound()[0]


@pytest.fixture
def machine(money: Money) -> Iterator[type[MoneyMachine]]:
    """Yield the machine on the database, with an action of small groups whose premium class costs coins."""
    for model_class, energy in ENERGY.items():
        money.admin.execute(
            """insert into public.ai_action_prices (action, model_class, energy, coins, calls_per_charge)
               values (%s, %s, %s, %s, %s) on conflict do nothing""",
            [ACTION, model_class, energy, COINS[model_class], CALLS_PER_CHARGE],
        )
    MoneyMachine.money = money
    with money.policy(shadow_cost_usd_per_day=1_000_000):
        yield MoneyMachine


def test_any_sequence_of_events_leaves_the_books_right(machine: type[MoneyMachine]) -> None:
    """A hundred sequences of up to forty steps."""
    run_state_machine_as_test(machine, settings=courses(100, 40))


@pytest.mark.soak
def test_long_sequences_leave_the_books_right(machine: type[MoneyMachine]) -> None:
    """A thousand sequences of up to a hundred steps."""
    run_state_machine_as_test(machine, settings=courses(1000, 100))
