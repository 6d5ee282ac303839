"""The key set is fetched when needed, cached for its time, and never flooded with requests."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, ServiceUnavailable
from shared.supabase.jwks import KeySet
from tests.shared.clock import HandClock
from tests.shared.supabase.issuer import Issuer, public_jwk, serving

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
LONG = Deadline.starting(3600)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """Yield an issuer whose set has the key `first`."""
    async with serving() as running:
        running.keys = [public_jwk(KEY, "first")]
        yield running


@pytest.fixture
def clock() -> HandClock:
    """Return the clock of the cache, moved by hand."""
    return HandClock()


@pytest.fixture
async def keys(issuer: Issuer, clock: HandClock) -> AsyncIterator[KeySet]:
    """Yield a key set that has fetched nothing yet."""
    async with httpx.AsyncClient() as http:
        yield KeySet(f"{issuer.issuer}/.well-known/jwks.json", http, clock)


async def has(keys: KeySet, key_id: str) -> bool:
    """Return whether the set finds the key."""
    return await keys.find(key_id, LONG) is not None


async def test_a_known_key_is_fetched_once_for_ten_minutes(
    keys: KeySet, issuer: Issuer, clock: HandClock
) -> None:
    """The second caller makes no request."""
    assert await has(keys, "first")
    clock.now += 599
    assert await has(keys, "first")
    assert issuer.requests == 1


async def test_the_set_is_read_again_after_ten_minutes_and_withdrawn_keys_end(
    keys: KeySet, issuer: Issuer, clock: HandClock
) -> None:
    """A key that the project no longer publishes is no longer trusted."""
    assert await has(keys, "first")
    issuer.keys = [public_jwk(OTHER_KEY, "second")]
    clock.now += 600
    assert not await has(keys, "first")
    assert await has(keys, "second")
    assert issuer.requests == 2


async def test_a_rotated_key_is_found_at_once(keys: KeySet, issuer: Issuer) -> None:
    """The first token with the new key makes the set be read again, seconds after the last read."""
    assert await has(keys, "first")
    issuer.keys.append(public_jwk(OTHER_KEY, "second"))
    assert await has(keys, "second")
    assert await has(keys, "first")
    assert issuer.requests == 2


async def test_a_flood_of_unknown_keys_fetches_once_in_thirty_seconds(
    keys: KeySet, issuer: Issuer, clock: HandClock
) -> None:
    """Invented key ids cost the issuer almost nothing, one after another or simultaneously."""
    assert await has(keys, "first")
    for number in range(50):
        assert not await has(keys, f"invented-{number}")
    assert not any(await asyncio.gather(*(has(keys, f"at-once-{number}") for number in range(50))))
    assert issuer.requests == 2
    clock.now += 29
    assert not await has(keys, "invented")
    assert issuer.requests == 2
    clock.now += 1
    assert not any(await asyncio.gather(*(has(keys, f"later-{number}") for number in range(50))))
    assert issuer.requests == 3


async def test_a_flood_on_a_cold_set_fetches_once(keys: KeySet, issuer: Issuer) -> None:
    """A set that was just read is not read again for an unknown key."""
    assert not any(await asyncio.gather(*(has(keys, f"invented-{number}") for number in range(50))))
    assert not await has(keys, "invented")
    assert issuer.requests == 1
    assert await has(keys, "first")


async def test_callers_at_once_share_one_fetch(keys: KeySet, issuer: Issuer) -> None:
    """Simultaneous callers share one request, counted at the wire."""
    issuer.open.clear()
    callers = [asyncio.create_task(has(keys, "first")) for _ in range(50)]
    await issuer.arrived.wait()
    issuer.open.set()
    assert all(await asyncio.gather(*callers))
    assert issuer.requests == 1


async def test_a_caller_that_leaves_does_not_end_the_fetch_of_the_others(
    keys: KeySet, issuer: Issuer
) -> None:
    """The caller who started it may leave."""
    issuer.open.clear()
    first, second = (asyncio.create_task(has(keys, "first")) for _ in range(2))
    await issuer.arrived.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    issuer.open.set()
    assert await second
    assert issuer.requests == 1


async def test_an_outage_with_nothing_read_before_is_raised_and_not_cached(
    keys: KeySet, issuer: Issuer
) -> None:
    """The check cannot be made; the next caller tries again and succeeds."""
    issuer.status = 500
    with pytest.raises(ServiceUnavailable):
        await has(keys, "first")
    issuer.status = 200
    assert await has(keys, "first")
    assert issuer.requests == 2


async def test_callers_in_one_outage_share_its_failure(keys: KeySet, issuer: Issuer) -> None:
    """They do not fail one after another."""
    issuer.status = 503
    answers = await asyncio.gather(*(has(keys, "first") for _ in range(20)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ServiceUnavailable] * 20
    assert issuer.requests == 1


async def test_the_last_set_serves_through_an_outage_up_to_an_hour(
    keys: KeySet, issuer: Issuer, clock: HandClock
) -> None:
    """Signed-in users can continue, and a withdrawn key is still forgotten in the end."""
    assert await has(keys, "first")
    issuer.status = 500
    clock.now += 3599
    assert await has(keys, "first")
    clock.now += 1
    with pytest.raises(ServiceUnavailable):
        await has(keys, "first")


async def test_a_failed_renewal_is_tried_again_after_a_pause(
    keys: KeySet, issuer: Issuer, clock: HandClock
) -> None:
    """Until then, callers with a known key do not wait for an issuer that is down."""
    assert await has(keys, "first")
    issuer.status = 500
    clock.now += 600
    assert await has(keys, "first")
    clock.now += 29
    assert await has(keys, "first")
    assert issuer.requests == 2
    issuer.status = 200
    clock.now += 1
    assert await has(keys, "first")
    assert issuer.requests == 3


async def test_an_unknown_key_in_an_outage_is_not_called_unknown(keys: KeySet, issuer: Issuer) -> None:
    """The key may be new: the reply says to retry, and the retry succeeds when the issuer is up again."""
    assert await has(keys, "first")
    issuer.keys.append(public_jwk(OTHER_KEY, "second"))
    issuer.status = 500
    with pytest.raises(ServiceUnavailable):
        await has(keys, "second")
    issuer.status = 200
    assert await has(keys, "second")


async def test_an_unknown_key_whose_renewal_failed_is_looked_for_once_more(
    keys: KeySet, issuer: Issuer, clock: HandClock
) -> None:
    """With an old set and a failing issuer, a missing key may be valid."""
    assert await has(keys, "first")
    issuer.status = 500
    clock.now += 600
    with pytest.raises(ServiceUnavailable):
        await has(keys, "second")


async def test_an_issuer_that_hangs_is_given_up_within_the_callers_time(keys: KeySet, issuer: Issuer) -> None:
    """The caller's reply comes in time; the fetch continues for the next caller."""
    issuer.open.clear()
    with pytest.raises(ServiceUnavailable):
        await keys.find("first", Deadline.starting(0.05))
    issuer.open.set()
    assert await has(keys, "first")
    assert issuer.requests == 1


async def test_a_caller_without_time_starts_no_fetch(keys: KeySet, issuer: Issuer) -> None:
    """A caller whose budget is over gets its own error."""
    with pytest.raises(DeadlineExceeded):
        await keys.find("first", Deadline.starting(0))
    assert issuer.requests == 0


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [{"kty": []}]}', b"null", b"\xff"]
)
async def test_an_answer_that_is_no_key_set_counts_as_an_outage(
    keys: KeySet, issuer: Issuer, body: bytes
) -> None:
    """Such an answer does not say which keys exist."""
    issuer.body = body
    with pytest.raises(ServiceUnavailable):
        await has(keys, "first")


async def test_a_redirect_is_not_followed(keys: KeySet, issuer: Issuer) -> None:
    """Keys come only from the address in the settings."""
    issuer.status = 302
    with pytest.raises(ServiceUnavailable):
        await has(keys, "first")


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P384_KEY = ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "bad", "alg": "HS256"},
        public_jwk(P384_KEY, "bad"),
        public_jwk(KEY, "bad", alg="RS256"),
        public_jwk(KEY, "bad", use="enc"),
        public_jwk(KEY, "bad", x="!"),
        public_jwk(RSA_KEY, "bad", alg="PS256"),
        {name: value for name, value in public_jwk(KEY, "bad").items() if name != "kid"},
        "a string",
    ],
    ids=["symmetric", "curve", "algorithm", "encryption", "broken", "padding", "no id", "no object"],
)
async def test_a_key_of_no_use_is_left_out_and_the_others_serve(
    keys: KeySet, issuer: Issuer, entry: object
) -> None:
    """One unusable entry must neither block the others nor be trusted."""
    issuer.keys.insert(0, entry)
    assert await has(keys, "first")
    assert not await has(keys, "bad")


async def test_a_key_without_alg_and_use_is_known_by_its_type(keys: KeySet, issuer: Issuer) -> None:
    """Both are optional in a key set."""
    bare = public_jwk(RSA_KEY, "bare")
    issuer.keys = [{name: bare[name] for name in ("kty", "n", "e", "kid")}]
    key = await keys.find("bare", LONG)
    assert key is not None
    assert key.algorithm_name == "RS256"


async def test_an_empty_set_is_an_answer(keys: KeySet, issuer: Issuer) -> None:
    """A project that still signs with its legacy secret publishes no key."""
    issuer.body = json.dumps({"keys": []}).encode()
    assert not await has(keys, "first")
