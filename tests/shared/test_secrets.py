"""Secret values change while a process lives: the last valid reading is used, and nobody waits for an invalid one."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local.stack.stack import Stack
from shared.ai.models.catalogue import Catalogue
from shared.ai.provider.exchange import ProviderCall
from shared.deadline import Deadline
from shared.errors import NexscoutError, Unauthorized
from shared.secrets import Secrets, SecretsError, from_environment, from_parameter_store
from shared.services import Services
from shared.settings import Settings, SettingsError
from shared.supabase.auth import Caller
from shared.supabase.storage import NoSuchFile
from tests.apps import services_on
from tests.shared.clock import HandClock
from tests.wire import wire_before

PATH = "/nexscout/prod/"
FIRST = {"SUPABASE_SECRET_KEY": "sb_secret_first", "OPENAI_API_KEY": "sk-first"}


class Store:
    """A parameter store on loopback, reached as the platform's client reaches the real one."""

    def __init__(self, url: str) -> None:
        self.client = boto3.client("ssm", endpoint_url=url)

    def put(self, path: str = PATH, **values: str) -> None:
        """Write values below a path, encrypted."""
        for name, value in values.items():
            self.client.put_parameter(Name=f"{path}{name}", Value=value, Type="SecureString", Overwrite=True)

    def drop(self, *names: str) -> None:
        """Remove values."""
        self.client.delete_parameters(Names=[f"{PATH}{name}" for name in names])


@contextmanager
def serving() -> Iterator[str]:
    """Serve the store at an address; all stores of this process have the same contents."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        yield "http://{}:{}".format(*moto.get_host_and_port())
    finally:
        moto.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the address of the store."""
    with serving() as url:
        yield url


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return the store with a function's minimum, and the environment by which the client finds it."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_DEFAULT_REGION": "ap-southeast-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    made = Store(server)
    names = [row["Name"] for row in made.client.describe_parameters()["Parameters"]]
    if names:
        made.client.delete_parameters(Names=names)
    made.put(**FIRST)
    return made


async def secret_key(secrets: Secrets) -> str:
    """Return the key that the next query would carry."""
    return (await secrets.current()).supabase_secret_key.get_secret_value()


async def test_values_are_read_from_below_a_path_and_decrypted(store: Store) -> None:
    """There is more than one page of them; values of a neighbouring or deeper path are not read."""
    store.put(**{f"OTHER_{number}": "x" for number in range(11)})
    store.put("/nexscout/production/", OPENAI_API_KEY="sk-neighbour")
    store.put(f"{PATH}old/", ORIGIN_SECRET="sixteen-letters-")
    store.put(SUPABASE_JWT_SECRET="s" * 32)
    values = from_parameter_store(PATH.rstrip("/"), 300).known
    read = {name.upper(): value.get_secret_value() for name, value in values if value is not None}
    assert read == FIRST | {"SUPABASE_JWT_SECRET": "s" * 32}


async def test_a_rotated_value_is_used_after_its_age_and_not_before(store: Store) -> None:
    """The store is read once in that time."""
    clock = HandClock()
    secrets = from_parameter_store(PATH, 300, clock)
    store.put(SUPABASE_SECRET_KEY="sb_secret_second")
    clock.now += 299
    assert await secret_key(secrets) == "sb_secret_first"
    clock.now += 1
    assert await secret_key(secrets) == "sb_secret_second"


async def test_after_a_snapshot_is_restored_the_next_use_reads_again(store: Store) -> None:
    """A snapshot may be weeks old, and its clock does not count them."""
    secrets = from_parameter_store(PATH, 300, HandClock())
    store.put(SUPABASE_SECRET_KEY="sb_secret_second")
    secrets.expire()
    assert await secret_key(secrets) == "sb_secret_second"


async def test_a_store_that_fails_later_leaves_the_last_good_values(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """An incomplete reading, or a key of the wrong kind, is logged by its name and retried after a pause."""
    clock = HandClock()
    secrets = from_parameter_store(PATH, 300, clock)
    store.drop("OPENAI_API_KEY")
    store.put(SUPABASE_SECRET_KEY="sb_publishable_canary")
    clock.now += 300
    with caplog.at_level(logging.ERROR, logger="nexscout"):
        assert await secret_key(secrets) == "sb_secret_first"
    (record,) = [record for record in caplog.records if record.name == "nexscout"]
    assert record.getMessage() == "secrets.kept"
    text = str(record.__dict__)
    assert "/nexscout/prod/OPENAI_API_KEY is missing" in text
    assert "/nexscout/prod/SUPABASE_SECRET_KEY is not valid" in text
    assert "canary" not in text
    store.put(SUPABASE_SECRET_KEY="sb_secret_third", OPENAI_API_KEY="sk-third")
    clock.now += 29
    assert await secret_key(secrets) == "sb_secret_first"
    clock.now += 1
    assert await secret_key(secrets) == "sb_secret_third"


async def test_a_store_that_cannot_be_reached_later_leaves_the_last_good_values(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no server listens any more, requests continue."""
    with serving() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        secrets = from_parameter_store(PATH, 300)
    store.put(SUPABASE_SECRET_KEY="sb_secret_second")
    secrets.expire()
    assert await secret_key(secrets) == "sb_secret_first"


def test_a_first_reading_that_fails_stops_the_start_with_a_clear_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every missing value is named in full, beside the errors in the settings."""
    store.drop(*FIRST)
    store.put(ORIGIN_SECRET="short-canary")
    env = {
        "SUPABASE_URL": "http://127.0.0.1:9",
        "SECRETS_SSM_PATH": PATH,
        "SUPABASE_SECRET_KEY": "sb_secret_env",
    }
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)
    lines = [line.partition(";")[0] for line in str(caught.value).splitlines()[1:]]
    assert lines == [
        "- SUPABASE_PUBLISHABLE_KEY is missing",
        "- /nexscout/prod/SUPABASE_SECRET_KEY is missing",
        "- /nexscout/prod/OPENAI_API_KEY is missing",
        "- /nexscout/prod/ORIGIN_SECRET is not valid",
    ]
    assert "canary" not in f"{caught.value}{caught.value.__context__!r}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="below /nexscout/prod/ cannot be read: EndpointConnectionError"):
        Settings.from_env(env | {"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc"})


def test_a_blank_value_counts_as_missing(store: Store) -> None:
    """A parameter may have been created to be filled in later."""
    store.put(OPENAI_API_KEY="  ")
    with pytest.raises(SecretsError, match="OPENAI_API_KEY is missing"):
        from_parameter_store(PATH, 300)


def test_with_a_path_the_environments_own_values_play_no_part(store: Store) -> None:
    """There is only one source of values at a time."""
    store.put(ANTHROPIC_API_KEY="sk-ant-store")
    env = {
        "SUPABASE_URL": "http://127.0.0.1:9",
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc",
        "SECRETS_SSM_PATH": PATH,
        "SUPABASE_SECRET_KEY": "sb_secret_env",
        "SUPABASE_JWT_SECRET": "e" * 32,
    }
    secrets = Settings.from_env(env).secrets.known
    assert secrets.supabase_secret_key.get_secret_value() == "sb_secret_first"
    assert secrets.supabase_jwt_secret is None


async def test_many_who_wait_cause_one_reading() -> None:
    """One reading serves all, even if one caller leaves before it ends."""
    readings = 0

    def read() -> dict[str, str]:
        nonlocal readings
        readings += 1
        return FIRST | {"SUPABASE_SECRET_KEY": f"sb_secret_{readings}"}

    clock = HandClock()
    secrets = Secrets(read, age_seconds=300, clock=clock)
    clock.now += 300
    waiting = [asyncio.create_task(secret_key(secrets)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting.pop(0).cancel()
    assert set(await asyncio.gather(*waiting)) == {"sb_secret_2"}
    assert readings == 2


async def test_values_of_an_environment_may_change_as_well() -> None:
    """A blank value is an error that keeps the last valid value."""
    env = dict(FIRST)
    secrets = from_environment(env, 300)
    env["SUPABASE_SECRET_KEY"] = "sb_secret_second"
    secrets.expire()
    assert await secret_key(secrets) == "sb_secret_second"
    env["SUPABASE_SECRET_KEY"] = ""
    secrets.expire()
    assert await secret_key(secrets) == "sb_secret_second"


async def carried(services: Services, key: str) -> None:
    """Let every part use the key once."""
    caller = await services.authenticator.authenticate({"apikey": key})
    assert caller.kind == "service"
    soon, owner = Deadline.starting(20), Caller("service", str(uuid4()))
    with suppress(NexscoutError):
        await services.database.as_service().rpc("ai_sweep", {}, soon)
    with pytest.raises((NexscoutError, NoSuchFile)):
        await anext(services.storage.read("scan-uploads", f"{owner.user_id}/a.csv", owner, 10, soon))
    model = Catalogue.load(None).get("gpt-4o-mini")
    call = ProviderCall(model, [{"role": "user", "content": "Hi"}], 5, 0)
    await services.providers.complete(call, soon)


async def test_a_rotated_key_is_carried_by_the_next_request_of_every_part(stack: Stack, store: Store) -> None:
    """Database, storage, authentication and the provider's client all use it without a restart."""
    async with (
        wire_before(stack.upstream_url) as supabase,
        wire_before(stack.provider_url) as provider,
        services_on(
            stack, SECRETS_SSM_PATH=PATH, SUPABASE_URL=supabase.url, OPENAI_BASE_URL=f"{provider.url}/v1"
        ) as services,
    ):
        for name in ("first", "second"):
            store.put(SUPABASE_SECRET_KEY=f"sb_secret_{name}", OPENAI_API_KEY=f"sk-{name}")
            services.settings.secrets.expire()
            await carried(services, f"sb_secret_{name}")
            assert {seen.apikey for seen in supabase.seen} == {f"sb_secret_{name}"}
            assert [seen.authorization for seen in provider.seen] == [f"Bearer sk-{name}"]
            assert len(supabase.seen) == 2
            supabase.seen.clear()
            provider.seen.clear()
        with pytest.raises(Unauthorized):
            await services.authenticator.authenticate({"apikey": "sb_secret_first"})
