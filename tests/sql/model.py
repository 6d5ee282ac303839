"""The money protocol once more, as a simple model: the oracle of the state machine."""

from dataclasses import dataclass, field

ENERGY = {"premium": 10, "standard": 3}
COINS = {"premium": 2, "standard": 0}
DAILY = {"free": 100, "pro": 500}
CALLS_PER_CHARGE = 3


@dataclass
class Group:
    """Calls with one key that are charged once."""

    key: str
    over: bool = False
    energy_paid: int | None = None
    coins_paid: int = 0


@dataclass(eq=False)
class Call:
    """A request; `dead` is a hold that has expired and that nobody has noticed yet."""

    energy: int
    coins: int
    group: Group | None
    key: str | None
    body: str
    state: str = "held"
    dead: bool = False


@dataclass
class Account:
    """One user: the balances, the calls and the groups, oldest first."""

    tier: str
    energy: int
    coins: int
    new_day: bool = False
    calls: list[Call] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def look(self) -> None:
        """Do what every call does first: refill on a new day, and end expired holds."""
        if self.new_day:
            self.energy = max(self.energy, DAILY[self.tier])
            self.new_day = False
        for call in self.open():
            if call.dead:
                call.state = "expired"

    def open(self) -> list[Call]:
        """Return the calls whose holds count."""
        return [call for call in self.calls if call.state == "held"]

    def bound(self, beside: Group | None = None) -> tuple[int, int]:
        """Return energy and coins that open calls hold, in addition to those of one group."""
        alone = [call for call in self.open() if call.group is None]
        energy, coins = sum(call.energy for call in alone), sum(call.coins for call in alone)
        for group in self.groups:
            members = [call for call in self.open() if call.group is group]
            if group is not beside and members:
                energy += max(max(call.energy for call in members) - (group.energy_paid or 0), 0)
                coins += max(max(call.coins for call in members) - group.coins_paid, 0)
        return energy, coins

    def available(self) -> int:
        """Return the energy beside all holds, as it is reported to users."""
        return max(self.energy - self.bound()[0], 0)

    def reserve(self, wish: tuple[str, ...], group_key: str | None, key: str | None, body: str) -> str:
        """Return the outcome; an admitted call is the last of `calls`."""
        self.look()
        earlier = next(
            (call for call in self.calls if key and call.key == key and call.state in {"held", "settled"}),
            None,
        )
        if earlier is not None:
            if earlier.body != body:
                return "idempotency_conflict"
            return "in_progress" if earlier.state == "held" else "replayed"
        group = self.joinable(group_key, wish)
        paid = group is not None and group.energy_paid is not None
        energy_bound, coins_bound = self.bound(beside=group)
        refusal = "upgrade_required"
        for model_class in wish:
            energy, coins = ENERGY[model_class], COINS[model_class]
            if model_class == "premium" and self.tier == "free":
                continue
            if group is not None and paid:
                if energy > (group.energy_paid or 0):
                    continue
                energy, coins = 0, 0
            refusal = "insufficient_energy" if refusal == "upgrade_required" else refusal
            if energy and energy > self.energy - energy_bound:
                continue
            refusal = "insufficient_coins"
            if coins and coins > self.coins - coins_bound:
                continue
            self.calls.append(Call(energy, coins, group or self.new_group(group_key), key, body))
            return "reserved"
        return refusal

    def joinable(self, key: str | None, wish: tuple[str, ...]) -> Group | None:
        """Return the newest group of the key, if it is recent, not full, and was charged for a class of the wish."""
        group = next((group for group in reversed(self.groups) if group.key == key), None)
        if group is None or group.over:
            return None
        members = [call for call in self.calls if call.group is group and call.state in {"held", "settled"}]
        if len(members) >= CALLS_PER_CHARGE:
            return None
        paid = group.energy_paid
        return group if paid is None or any(ENERGY[name] <= paid for name in wish) else None

    def new_group(self, key: str | None) -> Group | None:
        """Create a group where a key is given."""
        if key is None:
            return None
        self.groups.append(Group(key))
        return self.groups[-1]

    def end(self, call: Call, served: str, *, delivered: bool) -> tuple[str, int, int]:
        """Settle or release; return the outcome and the energy and coins that are charged now."""
        self.look()
        if call.state == "expired":
            return "expired", 0, 0
        if call.state != "held":
            return f"already_{call.state}", 0, 0
        call.state = "settled" if delivered else "released"
        return (call.state, *(self.charge(call, served) if delivered else (0, 0)))

    def charge(self, call: Call, served: str) -> tuple[int, int]:
        """Charge what was served within the hold, less what the group has paid, and no more than the balance."""
        energy, coins = min(call.energy, ENERGY[served]), min(call.coins, COINS[served])
        if call.group is not None:
            due, coins_due = energy - (call.group.energy_paid or 0), coins - call.group.coins_paid
            call.group.energy_paid = max(call.group.energy_paid or 0, energy)
            call.group.coins_paid = max(call.group.coins_paid, coins)
            energy, coins = due, coins_due
        energy, coins = min(max(energy, 0), self.energy), min(max(coins, 0), self.coins)
        self.energy -= energy
        self.coins -= coins
        return energy, coins
