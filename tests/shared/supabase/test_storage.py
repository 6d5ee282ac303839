"""Files in storage: read with the caller's rights, in time, and never more than the limit."""

from collections.abc import AsyncIterator

import pytest

from local.stack.stack import Stack
from shared.deadline import Deadline
from shared.errors import DeadlineExceeded, PayloadTooLarge, ServiceUnavailable
from shared.supabase.auth import Caller
from shared.supabase.storage import NoSuchFile, Storage
from tests.apps import services_on
from tests.conftest import NewUser
from tests.functions.scan_processor_v2.test_scan_processor_v2 import upload
from tests.users import User
from tests.wire import Wire, answer, hold, lose_request, wire_before

BUCKET = "scan-uploads"


@pytest.fixture
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """Yield the proxy before the stack's origin."""
    async with wire_before(stack.url) as between:
        yield between


@pytest.fixture
async def storage(stack: Stack, wire: Wire) -> AsyncIterator[Storage]:
    """Yield the storage as the functions reach it, behind the proxy."""
    async with services_on(stack, SUPABASE_URL=wire.url) as services:
        yield services.storage


def signed_in(user: User) -> Caller:
    """Return the user as a caller with a token."""
    return Caller("user", user.id, user.access_token)


async def read(
    storage: Storage, path: str, caller: Caller, most: int = 1_000, deadline: Deadline | None = None
) -> bytes:
    """Return the whole file."""
    until = Deadline.starting(20) if deadline is None else deadline
    return b"".join([piece async for piece in storage.read(BUCKET, path, caller, most, until)])


async def test_a_user_reads_the_own_file_with_the_own_token(
    storage: Storage, wire: Wire, stack: Stack, new_user: NewUser
) -> None:
    """The request has the publishable key and the token, never the secret key (fault 11)."""
    user = new_user()
    upload(stack, user, f"{user.id}/a b/leads #1.csv", b"Name\nMaria\n")
    assert await read(storage, f"{user.id}/a b/leads #1.csv", signed_in(user)) == b"Name\nMaria\n"
    assert (wire.seen[0].apikey, wire.seen[0].authorization) == (
        stack.publishable_key,
        f"Bearer {user.access_token}",
    )


@pytest.mark.parametrize(
    "path", ["{other}/leads.csv", "{own}/nowhere.csv", "../keys.json", "{own}/../x", "", "a//b"]
)
async def test_what_the_caller_may_not_read_is_not_there(
    storage: Storage, stack: Stack, new_user: NewUser, path: str
) -> None:
    """Another user's file, a missing file, and paths that lead elsewhere are all not found."""
    user, other = new_user(), new_user()
    upload(stack, other, f"{other.id}/leads.csv", b"Name\nMaria\n")
    with pytest.raises(NoSuchFile):
        await read(storage, path.format(own=user.id, other=other.id), signed_in(user))


async def test_the_service_reads_below_the_owners_folder_alone(
    storage: Storage, wire: Wire, stack: Stack, new_user: NewUser
) -> None:
    """For another user's file the secret key is not even sent."""
    owner, other = new_user(), new_user()
    upload(stack, owner, f"{owner.id}/leads.csv", b"Name\n")
    assert await read(storage, f"{owner.id}/leads.csv", Caller("service", owner.id)) == b"Name\n"
    wire.seen.clear()
    with pytest.raises(NoSuchFile):
        await read(storage, f"{other.id}/leads.csv", Caller("service", owner.id))
    assert wire.seen == []


async def test_reading_stops_at_the_limit(storage: Storage, stack: Stack, new_user: NewUser) -> None:
    """One byte more than the limit is an error; exactly the limit is not."""
    user = new_user()
    upload(stack, user, f"{user.id}/long.txt", b"x" * 100)
    assert len(await read(storage, f"{user.id}/long.txt", signed_in(user), most=100)) == 100
    with pytest.raises(PayloadTooLarge, match="at most 99 bytes"):
        await read(storage, f"{user.id}/long.txt", signed_in(user), most=99)


async def test_an_outage_is_a_503(storage: Storage, wire: Wire, new_user: NewUser) -> None:
    """A 500 and a closed connection are outages."""
    user = new_user()
    wire.meet("leads.csv", answer(500), lose_request)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await read(storage, f"{user.id}/leads.csv", signed_in(user))


async def test_a_storage_that_hangs_ends_with_the_budget(
    storage: Storage, wire: Wire, new_user: NewUser
) -> None:
    """The request's own deadline ends it, not the transport's timeout."""
    user = new_user()
    wire.meet("leads.csv", hold)
    with pytest.raises(DeadlineExceeded):
        await read(storage, f"{user.id}/leads.csv", signed_in(user), deadline=Deadline.starting(0.3))
