"""Faults of comparable systems, tried on the real server by several simultaneous processes."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from local.project import PROJECT
from tests.sql.money import Money

PROCESSES = 4
CALLS_PER_PROCESS = 250
ADMITTED = 50
PRICES = [
    ("ai_message", "premium", 10),
    ("ai_message", "standard", 3),
    ("ai_scan", "premium", 15),
    ("ai_deep_scan", "standard", 8),
    ("ai_pitch_deck", "premium", 100),
]

Spenders = Sequence["subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def spenders(money_url: str) -> Iterator[Spenders]:
    """Yield four processes of eight connections each, ready to start."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.sql.spender", money_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        for _ in range(PROCESSES)
    ]
    try:
        assert [read(process) for process in started] == ["ready"] * PROCESSES
        yield started
    finally:
        for process in started:
            process.communicate(timeout=30)


def read(process: "subprocess.Popen[str]") -> str:
    """Return one line of a process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def together(spenders: Spenders, order: dict[str, Any]) -> Counter[str]:
    """Let all processes carry out an order at the same time; return the outcomes of all."""
    for number, process in enumerate(spenders):
        assert process.stdin is not None
        process.stdin.write(json.dumps(order | {"seed": f"{order.get('seed')} {number}"}) + "\n")
        process.stdin.flush()
    return sum((Counter(json.loads(read(process))) for process in spenders), Counter[str]())


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(5, 20))]
)
def test_fault_1_budget_overspent_under_concurrency(seed: int, money: Money, spenders: Spenders) -> None:
    """Of 1,000 parallel calls with energy for 50, exactly 50 are admitted; no balance falls below zero (fault 1)."""
    chance = random.Random(seed)  # noqa: S311  # a schedule, not a secret
    action, model_class, price = chance.choice(PRICES)
    user = money.account(tier="enterprise", energy=ADMITTED * price)
    at_once = chance.choice([0.0, 0.5, 1.0])
    outcomes = together(
        spenders,
        {
            "what": "spend",
            "user": str(user),
            "calls": CALLS_PER_PROCESS,
            "action": action,
            "class": model_class,
            "settled_at_once": at_once,
            "seed": seed,
        },
    )
    refused = PROCESSES * CALLS_PER_PROCESS - ADMITTED
    assert (outcomes["reserved"], outcomes["insufficient_energy"]) == (ADMITTED, refused)
    assert outcomes["settled"] == ADMITTED
    assert outcomes.total() - outcomes["already_settled"] == refused + 2 * ADMITTED
    assert (money.balance(user), money.bound(user), money.ledger_sum(user)) == (0, 0, 0)
    assert len(money.ledger(user)) == 1 + ADMITTED
    assert money.broken(user) == []


def test_fault_2_moving_lock_loses_updates(money: Money, spenders: Spenders) -> None:
    """Thousands of parallel opposite transfers between two accounts end at the right sums with every row (fault 2)."""
    users = [money.account(energy=1000), money.account(energy=2000)]
    order = {"what": "transfer", "users": [str(user) for user in users], "times": 32}
    outcomes = together(spenders, order)
    each_way = outcomes["transferred"] // 2
    assert outcomes["transferred"] == PROCESSES * 8 * 32
    assert [money.balance(user) for user in users] == [1000, 2000]
    for user in users:
        deltas = Counter(delta for _, delta, _ in money.ledger(user)[1:])
        assert deltas == {1: each_way, -1: each_way}
        assert money.broken(user) == []


def test_storm_of_everything_leaves_the_books_right(money: Money, spenders: Spenders) -> None:
    """Simultaneous reserves, notes, ends, expiries, sweeps and other changes: no error, no deadlock, right books."""
    users = [money.account(energy=15) for _ in range(5)]
    order = {"what": "storm", "users": [str(user) for user in users], "steps": 40, "seed": 3}
    outcomes = together(spenders, order)
    assert outcomes.total() == PROCESSES * 8 * 40
    assert {"reserved", "insufficient_energy", "in_progress", "settled", "already_settled", "expired"} <= set(
        outcomes
    )
    money.admin.execute("update public.ai_requests set expires_at = clock_timestamp() where state = 'held'")
    while money.sweep()["expired"]:
        pass
    for user in users:
        assert (money.bound(user), money.broken(user)) == (0, [])
