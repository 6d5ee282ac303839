"""`make accuracy`: what whole scans find in the hand-written inputs, beside the rules alone and the old expressions.

With OPENAI_API_KEY (and OPENAI_BASE_URL) set, it measures the real model and costs what its calls cost. Without it
the simulated provider answers, which shows that nothing is lost on the path through the system.
"""

import asyncio
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import psycopg

from local.stack.stack import Stack
from tests.functions.scan_processor_v2.labels.scores import (
    FIELDS,
    Input,
    Person,
    inputs,
    our_rules,
    plain_regexes,
    table,
)

AT_ONCE = 4
LOOKS = 120
LOOK_SECONDS = 0.5


def main() -> None:
    """Start a separate stack, scan every input, print the scores, and remove the stack."""
    given = inputs()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ephemeral=True) as stack:
        _give_energy(stack)
        found = asyncio.run(_scan_all(stack, given))
    by_text = {one.text: people for one, people in zip(given, found, strict=True)}
    readers = (("scans", lambda one: by_text[one.text]), ("rules", our_rules), ("regexes", plain_regexes))
    for part in ("tuning", "held_out"):
        chosen = [one for one in given if one.part == part]
        print(f"\n{part}: {len(chosen)} inputs, {sum(len(one.expected) for one in chosen)} people")
        print(table(chosen, readers))


def _give_energy(stack: Stack) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        user_id = stack.env["DEMO_USER_ID"]
        connection.execute(
            "update public.user_energy set current_energy = 100000 where user_id = %s", [user_id]
        )
        connection.execute("update public.ai_tiers set calls_per_minute = 100000")


async def _scan_all(stack: Stack, given: Sequence[Input]) -> list[Sequence[Person]]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        signed_in = await client.post(
            "/auth/v1/token?grant_type=password",
            headers={"apikey": stack.publishable_key},
            json={"email": stack.env["DEMO_EMAIL"], "password": stack.env["DEMO_PASSWORD"]},
        )
        token = signed_in.raise_for_status().json()["access_token"]
        client.headers.update({"apikey": stack.publishable_key, "authorization": f"Bearer {token}"})
        turn = asyncio.Semaphore(AT_ONCE)

        async def scan(one: Input) -> Sequence[Person]:
            async with turn:
                return await _scan(client, stack.env["DEMO_USER_ID"], one)

        return await asyncio.gather(*map(scan, given))


async def _scan(client: httpx.AsyncClient, user_id: str, one: Input) -> Sequence[Person]:
    """Create a scan as the web client does, wait for its end, and return what it found."""
    scan_id = str(uuid.uuid4())
    made = await client.post("/rest/v1/scans", json={"id": scan_id, "user_id": user_id, "status": "pending"})
    made.raise_for_status()
    body = {"scanId": scan_id, "userId": user_id, "scanType": one.kind, "payload": one.text}
    taken = await client.post("/functions/v1/scan-processor-v2", json=body)
    if taken.is_error:
        print(f"{one.about}: {taken.status_code} {taken.text}")
        return []
    for _ in range(LOOKS):
        (row,) = (await client.get(f"/rest/v1/scans?id=eq.{scan_id}&select=status")).raise_for_status().json()
        if row["status"] in {"completed", "failed"}:
            break
        await asyncio.sleep(LOOK_SECONDS)
    wanted = f"scan_id=eq.{scan_id}&select=name,metadata&order=created_at,id"
    rows = (await client.get(f"/rest/v1/scan_processed_items?{wanted}")).raise_for_status().json()
    return [_person({**row["metadata"], "name": row["name"]}) for row in rows]


def _person(item: Mapping[str, str | None]) -> Person:
    values = {field: item.get(field) for field in FIELDS}
    if values["name"] in {values["email"], values["phone"], values["company"]}:
        values["name"] = None
    return {field: value for field, value in values.items() if value}


if __name__ == "__main__":
    main()
