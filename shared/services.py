"""The services of a process, built once from the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import httpx

from shared.ai.delivery.deliverer import Deliverer, Effects
from shared.ai.models.catalogue import Catalogue
from shared.ai.models.cost import upper_bound_usd
from shared.ai.models.selection import ClassLists
from shared.ai.moderation import Moderator
from shared.ai.money.ledger import Ledger
from shared.ai.orchestrator import Orchestrator
from shared.ai.provider.breaker import CircuitBreaker
from shared.ai.provider.client import Providers
from shared.errors import NexscoutError
from shared.jobs.queue import WorkQueue
from shared.jobs.store import JobQueue
from shared.settings import Settings, SettingsError
from shared.supabase.auth import Authenticator
from shared.supabase.configuration import ConfigService
from shared.supabase.database import CALL_SECONDS, Database
from shared.supabase.storage import Storage

MAX_CONNECTIONS = 100
KEEPALIVE_SECONDS = 4.0
"""Less than the 5 s after which common servers close an idle connection, perhaps while a request is sent."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services that routes use."""

    settings: Settings
    authenticator: Authenticator
    database: Database
    storage: Storage
    orchestrator: Orchestrator
    jobs: JobQueue
    scan_queue: WorkQueue
    job_queue: WorkQueue
    providers: Providers
    http: httpx.AsyncClient

    async def close(self) -> None:
        """Close the connections of the process."""
        await self.providers.close()
        await self.http.aclose()


def build_services(settings: Settings, effects: Effects | None = None) -> Services:
    """Return the services; no connection is opened yet.

    Raises:
        SettingsError: a model of the class lists is unknown, has no price, or is of another class.
    """
    tls = httpx.create_ssl_context()
    http = httpx.AsyncClient(
        verify=tls,
        # Each call has its deadline; this timeout ends a call without one.
        timeout=httpx.Timeout(CALL_SECONDS + 1, pool=CALL_SECONDS),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS),
    )
    database = Database(settings, http)
    ledger = Ledger(database, shadow=settings.shadow)
    providers = Providers(settings, tls=tls)
    breaker = CircuitBreaker(monotonic, settings.circuit_failures, settings.circuit_open_seconds)
    catalogue = Catalogue.load(settings.extra_models)
    lists = ClassLists(settings.premium_models, settings.standard_models)
    _check_lists(lists, catalogue)
    orchestrator = Orchestrator(
        database=database,
        ledger=ledger,
        configurations=ConfigService(
            database, monotonic, settings.config_cache_seconds, settings.config_cache_users
        ),
        deliverer=Deliverer(providers, ledger, breaker, effects or Effects()),
        moderator=Moderator(providers),
        catalogue=catalogue,
        lists=lists,
    )
    scans, jobs = WorkQueue("scans", settings.scan_queue_url), WorkQueue("jobs", settings.job_queue_url)
    return Services(
        settings, Authenticator(settings, http), database, Storage(settings, http), orchestrator,
        JobQueue(database, jobs), scans, jobs, providers, http,
    )  # fmt: skip


def _check_lists(lists: ClassLists, catalogue: Catalogue) -> None:
    errors = [
        *_list_errors("PREMIUM_MODELS", "premium", lists.premium, catalogue),
        *_list_errors("STANDARD_MODELS", "standard", lists.standard, catalogue),
    ]
    if errors:
        raise SettingsError("\n".join(["The environment is not usable:", *errors]))


def _list_errors(variable: str, model_class: str, names: Sequence[str], catalogue: Catalogue) -> list[str]:
    allowed = ", ".join(model.name for model in catalogue if model.model_class == model_class)
    errors = []
    for name in names:
        try:
            model = catalogue.get(name)
            upper_bound_usd(model, 1, 1)
        except NexscoutError as error:
            errors.append(f"- {variable}: {name}: {error.code}; allowed: {allowed}")
            continue
        if model.model_class != model_class:
            errors.append(f"- {variable}: {name} is of class {model.model_class}; allowed: {allowed}")
    return errors
