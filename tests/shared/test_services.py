"""The services of a function: a deployment with invalid models stops at the start, with every error named."""

import pytest

from shared.services import build_services
from shared.settings import Settings, SettingsError

LEAST = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_abc",
    "SUPABASE_SECRET_KEY": "sb_secret_def",
    "OPENAI_API_KEY": "sk-none",
}


async def test_the_least_environment_is_enough() -> None:
    """No connection is opened yet."""
    await build_services(Settings.from_env(LEAST)).close()


def test_fault_7_models_that_cannot_serve_stop_the_start() -> None:
    """An unknown model, and one of the other class, are named by their variable, with the allowed values (fault 7)."""
    lists = {"PREMIUM_MODELS": "gpt-4o,gpt-9,gpt-4o-mini", "STANDARD_MODELS": "gpt-4o"}
    with pytest.raises(SettingsError) as caught:
        build_services(Settings.from_env(LEAST | lists))
    head, *faults = str(caught.value).splitlines()
    assert head == "The environment is not usable:"
    assert [fault.partition("; allowed: ")[0] for fault in faults] == [
        "- PREMIUM_MODELS: gpt-9: unknown_model",
        "- PREMIUM_MODELS: gpt-4o-mini is of class standard",
        "- STANDARD_MODELS: gpt-4o is of class premium",
    ]
    for fault, allowed in zip(faults, ("gpt-4o", "gpt-4o", "gpt-4o-mini"), strict=True):
        assert allowed in fault.partition("; allowed: ")[2].split(", ")
