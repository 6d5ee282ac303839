"""Fault 17: reads across workspaces, through an id, a key, a prompt or a statement that a caller chooses.

Every text column of the victims' workspaces contains a unique word. None of these words may reach a caller without
the right to it: in a reply, in a log, at the provider, or in a row.
"""

from collections import Counter

import httpx
import psycopg
import pytest

from tests.proofs.canaries import Victim
from tests.proofs.chat_pages import another_session
from tests.proofs.figures import show
from tests.proofs.http_probes import CHAT, INJECTIONS, HttpProbe, HttpProbes, rpcs, send_probes
from tests.proofs.open_rows import may_be_said
from tests.proofs.sql_probes import SqlProbes
from tests.proofs.two_workspaces import (
    Scene,
    late_answers,
    logs_of,
    make_history,
    provider_bodies,
)
from tests.provider import Provider

BATCH = 400
"""Requests between two checks of the provider's requests: it stores a thousand."""


def statements_leak_nothing(scene: Scene, seed: int, count: int) -> Counter[str]:
    """Assert that `count` statements leak nothing; return how many were answered and refused."""
    with psycopg.connect(scene.stack.database_url) as connection:
        counts: Counter[str] = Counter()
        for probe in SqlProbes(connection, seed).make(scene.roles(), scene.victims(), count):
            answer = probe.reply(connection)
            assert scene.closed(answer) == set(), probe
            counts["answered" if answer.startswith("[") else "refused"] += 1
        return counts


async def requests_leak_nothing(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, seed: int, count: int
) -> Counter[str]:
    """Assert that `count` requests leak nothing, including repeats of a victim's own; return their statuses."""
    twins = await make_history(scene, client)
    functions = rpcs(scene.database)
    source = HttpProbes(scene.callers(), scene.attacker, scene.victims(), functions, seed)
    probes = twins + source.make(count - len(twins))
    counts: Counter[str] = Counter()
    before = scene.standing()
    with logs_of(scene.stack) as logs:
        for start in range(0, count, BATCH):
            counts += await batch_leaks_nothing(scene, client, provider, probes[start : start + BATCH])
    assert scene.leaks("".join(logs)) == set()
    assert "request.finished" in "".join(logs)
    assert scene.standing() == before, "something of a victim's was overwritten or deleted"
    return counts


async def batch_leaks_nothing(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, probes: list[HttpProbe]
) -> Counter[str]:
    """Assert that nothing leaks into replies, also to later requests, or to the provider; return the statuses."""
    provider.reset()
    answers = await send_probes(client, probes)
    for answer in answers:
        assert scene.opened_by_the_page(answer), answer
    for later in await late_answers(scene, client, answers):
        assert scene.leaks(later) == set()
    assert scene.leaks(provider_bodies(provider)) == set()
    return Counter({"sent to the provider": len(provider.requests())}) + Counter(
        str(answer.status) for answer in answers
    )


def test_fault_17_statements_meet_no_canary(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 statements under each outside key, which read, write and call, return no word of another workspace."""
    show(capsys, "statements", statements_leak_nothing(scene, seed=1, count=1000))


async def test_fault_17_requests_meet_no_canary(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    """300 requests with foreign ids, forged tokens, others' keys and injected prompts return nothing of the victims."""
    show(capsys, "requests", await requests_leak_nothing(scene, client, provider, seed=1, count=300))


async def columns_reached(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, victim: Victim
) -> tuple[set[str], set[str]]:
    """Return the columns that reach the model, and those that reach a visitor of the page who asks for everything."""
    page = another_session(scene.database, victim.user_id)
    scene.database.execute(
        "update public.user_energy set current_energy = 100000 where user_id = %s", [victim.user_id]
    )
    provider.reset()
    # For half of the requests the model repeats its instructions, as an injected prompt asks.
    provider.fail({"kind": "reveal", "times": len(INJECTIONS) // 2})
    headers = {"apikey": scene.stack.publishable_key}
    answers = []
    for words in INJECTIONS:
        body = {
            "sessionId": page.session_id,
            "userId": page.owner_id,
            "message": words.format(id=victim.user_id),
        }
        answers.append((await client.post(CHAT, json=body, headers=headers)).text)
    return victim.found(provider_bodies(provider)), victim.found(" ".join(answers))


async def test_fault_17_a_visitor_gets_only_the_listed_columns(
    scene: Scene, client: httpx.AsyncClient, provider: Provider
) -> None:
    """A visitor who asks for everything makes the model read, and say, no more than the listed columns."""
    with logs_of(scene.stack) as logs:
        sent, said = await columns_reached(scene, client, provider, scene.open)
        assert {column for column in sent | said if not may_be_said(column)} == set()
        assert "products.name" in sent, "the page tells nothing at all"
        assert await columns_reached(scene, client, provider, scene.shut) == (set(), set())
    assert scene.leaks("".join(logs)) == set()


@pytest.mark.soak
def test_fault_17_thousands_of_statements_meet_no_canary(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """4,000 more statements from another seed leak nothing."""
    show(capsys, "statements", statements_leak_nothing(scene, seed=2, count=4000))


@pytest.mark.soak
async def test_fault_17_thousands_of_requests_meet_no_canary(
    scene: Scene, client: httpx.AsyncClient, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    """2,000 more requests from another seed leak nothing: 6,000 probes here, beside the 1,300 of every run."""
    show(capsys, "requests", await requests_leak_nothing(scene, client, provider, seed=2, count=2000))
