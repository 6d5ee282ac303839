"""An attacker's workspace beside those of two victims, one with an open page and one with a closed page."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.stack.stack import Stack
from tests.books import add_prospect
from tests.calls import flat
from tests.proofs.canaries import Connection, Victim, plant
from tests.proofs.chat_pages import open_page
from tests.proofs.http_probes import CHAT, GENERATE, VICTIM_GROUP, VICTIM_KEY, Attacker, HttpProbe, ProbeReply
from tests.proofs.open_rows import is_open
from tests.proofs.outsiders import outsiders
from tests.provider import Provider
from tests.sql.roles import Key
from tests.users import User, access_token, signed_in

LIMITS = {
    "visitor_session_calls_per_minute": 1_000_000,
    "visitor_address_calls_per_minute": 1_000_000,
    "visitor_energy_per_day": 1_000_000,
    "visitor_cost_usd_per_day": 1_000_000,
    "visitor_premium_energy_per_day": 1_000_000,
    "visitor_session_energy_per_day": 1_000_000,
    "visitor_address_energy_per_day": 1_000_000,
    "visitor_address_cost_usd_per_day": 1_000_000,
}


@dataclass(frozen=True)
class Scene:
    """The attacker and the victims."""

    stack: Stack
    database: Connection
    user: User
    attacker: Attacker
    open: Victim
    shut: Victim

    def victims(self) -> list[Victim]:
        """Return both victims."""
        return [self.open, self.shut]

    def callers(self) -> dict[str, Any]:
        """Return the headers of every caller from outside."""
        return dict(outsiders(self.stack, self.user, [victim.user_id for victim in self.victims()]))

    def leaks(self, text: str) -> set[str]:
        """Return the columns of either victim that are in a text."""
        return self.open.found(text) | self.shut.found(text)

    def closed(self, text: str) -> set[str]:
        """Return those of them that the page's policies do not open to everyone."""
        return {column for column in self.open.found(text) if not is_open(column, shut=False)} | {
            column for column in self.shut.found(text) if not is_open(column, shut=True)
        }

    def roles(self) -> list[Key]:
        """Return the roles of keys from outside: anonymous, the attacker, and a token without a user."""
        return [Key("anon"), Key("authenticated", self.user.id), Key("authenticated")]

    def opened_by_the_page(self, answer: ProbeReply) -> bool:
        """Return whether a reply contains only what the page's policies open in the REST interface."""
        rest = answer.probe.path.startswith("/rest/")
        return (self.closed(answer.text) if rest else self.leaks(answer.text)) == set()

    def standing(self) -> set[str]:
        """Return the columns of the victims whose canaries are still where they were planted."""
        rows = [row for victim in self.victims() for row in victim.rows(self.database).values()]
        text = json.dumps(rows, default=str)
        return {f"{victim.word}-{column}" for victim in self.victims() for column in victim.found(text)}


@contextmanager
def two_workspaces(stack: Stack, database: Connection) -> Iterator[Scene]:
    """Yield the scene, without limits; all its users are deleted afterwards."""
    user = signed_in(stack, database, "enterprise", 10_000_000)
    page = open_page(database, user.id)
    attacker = Attacker(user.id, page.session_id, add_prospect(database, user))
    scene = Scene(stack, database, user, attacker, plant(database), plant(database, shut=True))
    try:
        with limits_raised(database):
            yield scene
    finally:
        database.execute(
            "delete from auth.users where id = any(%s::uuid[])",
            [[user.id, scene.open.user_id, scene.shut.user_id]],
        )


@contextmanager
def limits_raised(database: Connection, **limits: int) -> Iterator[None]:
    """Remove the limits of calls per minute and of the visitors' day, and restore them afterwards."""
    tiers = database.execute("select tier, calls_per_minute from public.ai_tiers").fetchall()
    wanted = limits or LIMITS
    before = database.execute(f"select {', '.join(wanted)} from public.ai_policy".encode()).fetchone()
    assert before is not None
    change = f"update public.ai_policy set {', '.join(f'{name} = %s' for name in wanted)}".encode()
    database.execute("update public.ai_tiers set calls_per_minute = 1000000")
    database.execute(change, list(wanted.values()))
    try:
        yield
    finally:
        database.execute(change, list(before))
        for tier, calls in tiers:
            database.execute(
                "update public.ai_tiers set calls_per_minute = %s where tier = %s", [calls, tier]
            )


async def make_history(scene: Scene, client: httpx.AsyncClient) -> list[HttpProbe]:
    """Make calls of the open victim, with canaries as their stored replies; return the attacker's repeats of them.

    A repeat has the same body and the same keys, and is sent by the attacker.
    """
    body = flat(transactionId=VICTIM_GROUP)
    own = {"apikey": scene.stack.publishable_key, "idempotency-key": VICTIM_KEY}
    bearing = {"authorization": f"Bearer {access_token(scene.stack, scene.open.user_id)}"}
    reply = await client.post(GENERATE, json=body, headers=own | bearing)
    assert reply.status_code == 200, reply.text  # As HTTP requires.
    said = {
        "sessionId": scene.open.ids["public_chat_sessions"],
        "userId": scene.open.user_id,
        "message": "Hello po",
    }
    scene.database.execute(
        "update public.user_energy set current_energy = 100 where user_id = %s", [scene.open.user_id]
    )
    await client.post(CHAT, json=said, headers=own)
    scene.database.execute(
        "update public.ai_requests set reply = to_jsonb(%s::json) where user_id = %s and idempotency_key = %s",
        [
            json.dumps({"success": True, "message": f"{scene.open.word}-ai_requests.reply"}),
            scene.open.user_id,
            VICTIM_KEY,
        ],
    )
    twin = {"authorization": f"Bearer {scene.user.access_token}"}
    mine = said | {"sessionId": scene.attacker.session_id, "userId": scene.attacker.user_id}
    return [HttpProbe("POST", GENERATE, own | twin, {}, body), HttpProbe("POST", CHAT, own, {}, mine)]


async def late_answers(scene: Scene, client: httpx.AsyncClient, answers: Sequence[ProbeReply]) -> list[str]:
    """Return the replies of the queue to requests that were accepted for later."""
    accepted = [
        json.loads(answer.text[answer.text.index('{"success"') :])["requestId"]
        for answer in answers
        if answer.status == 202
    ]
    headers = {"apikey": scene.stack.publishable_key, "authorization": f"Bearer {scene.user.access_token}"}

    async def answer(request_id: str) -> str:
        for _ in range(600):
            reply = await client.get(f"{GENERATE}/requests/{request_id}", headers=headers)
            if "status" not in reply.json():
                return reply.text
            await asyncio.sleep(0.05)
        raise AssertionError("the job was never answered")

    return [await answer(request_id) for request_id in accepted]


def provider_bodies(provider: Provider) -> str:
    """Return all bodies that the simulated provider got."""
    return json.dumps(provider.bodies(), ensure_ascii=False)


@contextmanager
def logs_of(stack: Stack) -> Iterator[list[str]]:
    """Yield what the functions and the worker log during the block; empty until it ends."""
    files = [stack.logs / "functions.log", stack.logs / "worker.log"]
    starts = [_size(path) for path in files]
    written: list[str] = []
    yield written
    for path, start in zip(files, starts, strict=True):
        if path.exists():
            with path.open("rb") as file:
                file.seek(start)
                written.append(file.read().decode("utf-8", "replace"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
