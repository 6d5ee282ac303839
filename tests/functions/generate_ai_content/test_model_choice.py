"""Which model serves a call, what it gets and what it costs, by tier, energy and the caller's wishes."""

from typing import Any, get_args

import httpx
import pytest

from functions.generate_ai_content.requests.schemas import Action
from tests.books import Books, add_prospect
from tests.calls import Api, flat, message, orchestrated
from tests.conftest import Database, NewUser
from tests.provider import Provider


def meta_of(reply: httpx.Response) -> dict[str, Any]:
    """Return the meta of a success."""
    assert reply.status_code == 200, reply.text
    meta: dict[str, Any] = reply.json()["meta"]
    return meta


# Tier, energy, wish -> model that served, model that was wished, reason, energy charged. Free and standard calls of the
# orchestrator shape need no schema, so gpt-3.5-turbo serves them; a message needs one, so gpt-4o-mini does.
CHOICES: list[tuple[str, int, dict[str, Any], str, str, str | None, int]] = [
    ("pro", 500, {}, "gpt-4o", "gpt-4o", None, 10),
    ("team", 10, {}, "gpt-4o", "gpt-4o", None, 10),
    ("enterprise", 10, {}, "gpt-4o", "gpt-4o", None, 10),
    ("elite", 10, {}, "gpt-4o", "gpt-4o", None, 10),
    ("free", 100, {}, "gpt-3.5-turbo", "gpt-4o", "tier", 3),
    ("starter", 100, {}, "gpt-3.5-turbo", "gpt-4o", "tier", 3),
    ("pro", 9, {}, "gpt-3.5-turbo", "gpt-4o", "energy", 3),
    ("pro", 3, {}, "gpt-3.5-turbo", "gpt-4o", "energy", 3),
    ("pro", 10, {"autoSelectModel": False}, "gpt-4o", "gpt-4o", None, 10),
    ("pro", 500, {"model": "gpt-4o-mini"}, "gpt-4o-mini", "gpt-4o-mini", None, 3),
    ("pro", 500, {"model": "gpt-4.1"}, "gpt-4.1", "gpt-4.1", None, 10),
    ("free", 100, {"model": "gpt-4.1"}, "gpt-3.5-turbo", "gpt-4.1", "tier", 3),
    ("pro", 5, {"model": "gpt-4.1"}, "gpt-3.5-turbo", "gpt-4.1", "energy", 3),
    ("free", 100, {"model": "gpt-4o-mini"}, "gpt-4o-mini", "gpt-4o-mini", None, 3),
    ("pro", 500, {"model": ""}, "gpt-4o", "gpt-4o", None, 10),
]


@pytest.mark.parametrize(("tier", "energy", "wish", "served", "asked", "reason", "charged"), CHOICES)
async def test_tier_and_energy_choose_the_model(
    api: Api, new_user: NewUser, database: Database, provider: Provider, tier: str, energy: int,
    wish: dict[str, Any], served: str, asked: str, reason: str | None, charged: int,
) -> None:  # fmt: skip
    """Each line is one call, with the model, the reason and the charge in the last columns."""
    user = new_user(tier, energy)
    meta = meta_of(await api(user, orchestrated(**wish)))
    assert (meta["model"], meta["requestedModel"], meta["downgradeReason"]) == (served, asked, reason)
    assert (meta["energyConsumed"], meta["energyRemaining"]) == (charged, energy - charged)
    assert [sent["model"] for sent in provider.requests()] == [served]
    (usage,) = Books(database, user).usage()
    assert (usage["model"], usage["requested_model"], usage["downgrade_reason"]) == (served, asked, reason)
    assert Books(database, user).energy() == energy - charged


async def test_a_message_of_the_free_tier_is_written_by_a_standard_model_that_holds_to_a_schema(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """gpt-3.5-turbo does not support schemas, so the next model of its class is used."""
    user = new_user("free", 100)
    meta = meta_of(await api(user, message(add_prospect(database, user))))
    assert (meta["model"], meta["downgradeReason"], meta["energyConsumed"]) == ("gpt-4o-mini", "tier", 3)
    (sent,) = provider.bodies()
    assert sent["response_format"]["json_schema"]["strict"] is True


# Tier, energy, wish -> required and available energy.
REFUSALS: list[tuple[str, int, dict[str, Any], int]] = [
    ("pro", 5, {"autoSelectModel": False}, 10),
    ("pro", 2, {}, 3),
    ("free", 0, {}, 3),
    ("pro", 2, {"model": "gpt-4o-mini"}, 3),
    ("pro", 24, {"action": "ai_deep_scan", "autoSelectModel": False}, 25),
    ("pro", 29, {"action": "ai_pitch_deck"}, 30),
]


@pytest.mark.parametrize(("tier", "energy", "wish", "required"), REFUSALS)
async def test_short_energy_refuses_before_anything_is_sent(
    api: Api, new_user: NewUser, database: Database, provider: Provider,
    tier: str, energy: int, wish: dict[str, Any], required: int,
) -> None:  # fmt: skip
    """The 402 has the exact message and fields that the deployed client reads; its usage row has the reason."""
    user = new_user(tier, energy)
    reply = await api(user, orchestrated(**wish))
    body = reply.json()
    assert (reply.status_code, body["code"]) == (402, "insufficient_energy")
    assert body["error"] == f"Insufficient energy. Required: {required}, Available: {energy}"
    assert (body["requiresEnergy"], body["requiredEnergy"], body["currentEnergy"]) == (True, required, energy)
    assert provider.requests() == []
    books = Books(database, user)
    books.assert_nothing_charged(energy)
    (usage,) = books.usage()
    assert (usage["success"], usage["error_code"]) == (False, "insufficient_energy")
    assert books.attempts() == []


async def test_a_premium_model_without_automatic_choice_is_refused_to_the_free_tier(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The tier allows no candidate: the reply is a 403, and nothing was sent."""
    user = new_user("free", 100)
    reply = await api(user, orchestrated(model="gpt-4o", autoSelectModel=False))
    assert (reply.status_code, reply.json()["code"]) == (403, "upgrade_required")
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(100)


async def test_zero_means_zero(api: Api, new_user: NewUser, provider: Provider) -> None:
    """A temperature of 0 is sent, and 0 retries mean one request at the provider."""
    user = new_user()
    meta_of(await api(user, orchestrated(temperature=0)))
    (sent,) = provider.bodies()
    assert sent["temperature"] == 0
    provider.reset()
    provider.fail({"kind": "status", "status": 500, "times": 9})
    reply = await api(user, orchestrated(retryAttempts=0, allowFallback=False))
    assert (reply.status_code, len(provider.requests())) == (502, 1)


async def test_an_absent_temperature_is_the_models_own(
    api: Api, new_user: NewUser, provider: Provider
) -> None:
    """A parameter that the caller did not set is not sent."""
    meta_of(await api(new_user(), orchestrated()))
    (sent,) = provider.bodies()
    assert set(sent) == {"model", "messages", "max_tokens"}


@pytest.mark.parametrize(
    ("model", "asked", "sent_limit"),
    [("gpt-3.5-turbo", 10_000, 4_096), ("gpt-3.5-turbo", 12, 12), ("gpt-4o", 200_000, 16_384)],
)
async def test_the_output_limit_is_clamped_to_the_models_and_reported(
    api: Api, new_user: NewUser, provider: Provider, model: str, asked: int, sent_limit: int
) -> None:
    """The provider would refuse a larger limit; the reply reports the one that was sent."""
    meta = meta_of(await api(new_user(), orchestrated(model=model, maxTokens=asked)))
    (sent,) = provider.bodies()
    assert (sent["max_tokens"], meta["maxTokens"]) == (sent_limit, sent_limit)


@pytest.mark.parametrize("extra", [{"model": "gpt-9"}, {"fallbackModel": "gpt-9"}])
async def test_an_unknown_model_is_refused_before_anything_is_sent(
    api: Api, new_user: NewUser, database: Database, provider: Provider, extra: dict[str, Any]
) -> None:
    """As the model or as the fallback, it gives a 400, and nothing is held (fault 7)."""
    user = new_user()
    reply = await api(user, orchestrated(**extra))
    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_model")
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(500)


async def test_calls_of_one_transaction_are_charged_once(
    api: Api, new_user: NewUser, database: Database
) -> None:
    """The first of five variations that succeeds is charged, in every shape; the 11th is charged again."""
    user = new_user()
    shapes = [orchestrated(transactionId="five"), flat(transactionId="five")]
    for number in range(11):
        meta_of(await api(user, shapes[number % 2]))
    assert Books(database, user).ledger() == [-10, -10]
    assert Books(database, user).energy() == 480


async def test_a_named_fallback_serves_when_the_model_fails(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The more expensive model was held and the cheaper one served: the cheaper class is charged."""
    user = new_user()
    provider.fail({"kind": "status", "status": 500, "match": '"gpt-4o"', "times": 9})
    meta = meta_of(await api(user, orchestrated(retryAttempts=0, fallbackModel="gpt-4o-mini")))
    assert (meta["model"], meta["requestedModel"], meta["downgradeReason"]) == (
        "gpt-4o-mini", "gpt-4o", "fallback",
    )  # fmt: skip
    assert (meta["fallbackUsed"], meta["retryCount"], meta["energyConsumed"]) == (True, 1, 3)
    assert [sent["model"] for sent in provider.requests()] == ["gpt-4o", "gpt-4o-mini"]
    assert Books(database, user).energy() == 497


async def test_a_fallback_never_costs_more_than_the_hold(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """A standard call does not fall back to a premium model, even if there is enough energy."""
    user = new_user()
    provider.fail({"kind": "status", "status": 500, "times": 9})
    reply = await api(user, orchestrated(model="gpt-4o-mini", fallbackModel="gpt-4o", retryAttempts=0))
    assert reply.status_code == 502
    assert [sent["model"] for sent in provider.requests()] == ["gpt-4o-mini"]
    Books(database, user).assert_nothing_charged(500)


PRICES = [
    ("ai_message", 10, 3, 10),
    ("ai_objection_handler", 10, 3, 1),
    ("ai_chatbot_response", 10, 3, 1),
    ("ai_scan", 15, 5, 1),
    ("ai_deep_scan", 25, 8, 1),
    ("ai_company_analysis", 30, 10, 1),
    ("ai_follow_up_sequence", 50, 15, 10),
    ("ai_pitch_deck", 100, 30, 1),
]


def test_every_action_has_its_price_in_both_classes(database: Database) -> None:
    """Prices equal the app's guide; every action has a price and every price an action."""
    rows = database.execute(
        """select p.action, p.energy, s.energy, p.calls_per_charge
           from public.ai_action_prices p join public.ai_action_prices s using (action, calls_per_charge)
           where p.model_class = 'premium' and s.model_class = 'standard'"""
    ).fetchall()
    assert sorted(rows) == sorted(PRICES)
    assert {action for action, *_ in PRICES} == set(get_args(Action))


@pytest.mark.parametrize(("action", "premium", "standard", "_calls"), PRICES)
async def test_an_action_costs_its_price(
    api: Api, new_user: NewUser, database: Database, action: str, premium: int, standard: int, _calls: int
) -> None:
    """Each action of the orchestrator shapes is charged by the class that served it."""
    user = new_user(energy=premium + standard)
    first = meta_of(await api(user, orchestrated(action=action)))
    second = meta_of(await api(user, flat(generationType=action)))
    assert (first["energyConsumed"], second["energyConsumed"]) == (premium, standard)
    assert Books(database, user).energy() == 0
