"""A process with eight simultaneous connections: each line of input is an order, each line of output its outcomes."""

import json
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from tests.sql.money import Money, written

CONNECTIONS = 8
Order = dict[str, Any]


def main(url: str) -> None:
    """Carry out orders until the input ends."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(url, autocommit=True, options="-c role=service_role"))
            for _ in range(CONNECTIONS)
        ]
        pool = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for line in sys.stdin:
            order = json.loads(line)
            work = partial(ORDERS[order["what"]], order)
            counts = sum(pool.map(work, connections, range(CONNECTIONS)), Counter[str]())
            sys.stdout.write(json.dumps(counts) + "\n")
            sys.stdout.flush()


def spend(order: Order, connection: psycopg.Connection, place: int) -> Counter[str]:
    """Make this connection's share of the calls; settle some of the admitted ones at once and twice, the rest later."""
    money = Money(connection, connection)
    chance = random.Random(f"{order['seed']} {place}")  # noqa: S311  # a schedule, not a secret
    user, outcomes, later = UUID(order["user"]), Counter[str](), list[UUID]()
    for _ in range(place, order["calls"], CONNECTIONS):
        answer = money.answer(
            "select public.ai_reserve(%s)", written(user, order["class"], action=order["action"])
        )
        outcomes[answer["outcome"]] += 1
        if answer["outcome"] == "reserved":
            now = chance.random() < order["settled_at_once"]
            if not now:
                later.append(answer["request_id"])
            for _ in range(2 * now):
                outcomes[money.settle(answer["request_id"])["outcome"]] += 1
    for request in later:
        outcomes[money.settle(request)["outcome"]] += 1
    return outcomes


def transfer(order: Order, connection: psycopg.Connection, place: int) -> Counter[str]:
    """Move one energy from one account to another, repeatedly, both locked in one order."""
    giver, taker = (order["users"] if place % 2 else order["users"][::-1])[:2]
    for _ in range(order["times"]):
        with connection.transaction():
            for user in sorted((giver, taker)):
                connection.execute("select nexscout.lock_account(%s)", [user])
            connection.execute("select nexscout.change_energy(%s, -1, 'transfer')", [giver])
            connection.execute("select nexscout.change_energy(%s, 1, 'transfer')", [taker])
    return Counter(transferred=order["times"])


def storm(order: Order, connection: psycopg.Connection, place: int) -> Counter[str]:
    """Call anything on a few accounts, in random order; return the number of each outcome."""
    money = Money(connection, connection)
    chance = random.Random(f"{order['seed']} {place}")  # noqa: S311  # a schedule, not a secret
    requests, outcomes = list[UUID](), Counter[str]()
    for _ in range(order["steps"]):
        user = UUID(chance.choice(order["users"]))
        step = chance.choice(("reserve", "reserve", "note", "settle", "release", "expire", "sweep", "change"))
        if step == "reserve" or not requests:
            group, key = chance.choice((None, "s", "t")), chance.choice((None, None, chance.choice("klm")))
            answer = money.reserve(user, group_key=group, idempotency_key=key, body_hash="h")
            if answer["outcome"] == "reserved":
                requests.append(UUID(answer["request_id"]))
        elif step == "change":
            money.add_energy(user, chance.randint(0, 3))
            answer = {"outcome": "changed"}
        elif step == "sweep":
            money.sweep()
            answer = {"outcome": "swept"}
        elif step == "expire":
            money.expire(chance.choice(requests))
            answer = {"outcome": "ended"}
        else:
            answer = getattr(money, step)(chance.choice(requests))
        outcomes[answer["outcome"]] += 1
    return outcomes


ORDERS = {"spend": spend, "transfer": transfer, "storm": storm}

if __name__ == "__main__":
    main(sys.argv[1])
