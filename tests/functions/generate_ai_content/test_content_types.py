"""Every content type over real HTTP: its inputs, result and price, and who may use it."""

from typing import Any

import httpx
import pytest

from tests.books import Books, add_prospect
from tests.calls import Api
from tests.conftest import Database, NewUser
from tests.functions.generate_ai_content.content_bodies import CASES, NOTES, Case, case_of, name_of
from tests.provider import Provider
from tests.users import User

NEEDING = [case for case in CASES if case.needs_prospect]
OPTIONAL = [case for case in CASES if not case.needs_prospect]
PAID = [case for case in CASES if not case.free]
FREE = [case for case in CASES if case.free]
BOTH_DECKS = [case for case in CASES if case.kind == "deck"]


def delivered(reply: httpx.Response) -> dict[str, Any]:
    """Return the body of a success."""
    body: dict[str, Any] = reply.json()
    assert reply.status_code == 200, body
    return body


def refused(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the body of a refusal."""
    body: dict[str, Any] = reply.json()
    assert (reply.status_code, body["code"], body["success"]) == (status, code, False), body
    return body


@pytest.fixture(scope="module")
def patient(new_user: NewUser) -> User:
    """Return a user whose wrong requests are all refused before anything is held."""
    return new_user()


@pytest.fixture(scope="module")
def maria(patient: User, database: Database) -> str:
    """Return the id of the user's prospect."""
    return add_prospect(database, patient, "Maria Santos", NOTES)


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_content_type_gives_its_fields_for_the_premium_price(
    api: Api, new_user: NewUser, database: Database, provider: Provider, case: Case
) -> None:
    """Each line of the contract's table: exactly these fields, this number of each, and the text if there is one."""
    user = new_user("pro", 500)
    body = delivered(await api(user, case.body(add_prospect(database, user, "Maria Santos", NOTES))))
    output = body["output"]
    assert set(output) == case.fields
    assert {name: len(output[name]) for name in case.counts} == case.counts
    expected = None if case.text is None else output[case.text]
    assert (body["message"], body["content"]) == (expected, expected)
    assert case.text is None or expected
    assert (body["modelName"], body["meta"]["energyConsumed"]) == ("gpt-4o", case.premium)
    assert Books(database, user).energy() == 500 - case.premium
    strict = [sent["response_format"]["json_schema"]["strict"] for sent in provider.bodies()]
    assert strict == [True] * case.parts


@pytest.mark.parametrize("case", FREE, ids=name_of)
async def test_the_free_tier_has_it_from_a_standard_model_for_the_standard_price(
    api: Api, new_user: NewUser, database: Database, case: Case
) -> None:
    """Content types that are not restricted to paid tiers are available to everyone."""
    user = new_user("free", 100)
    body = delivered(await api(user, case.body(add_prospect(database, user, "Maria Santos", NOTES))))
    assert (body["modelName"], body["meta"]["energyConsumed"]) == ("gpt-4o-mini", case.standard)
    assert body["meta"]["downgradeReason"] == "tier"
    assert set(body["output"]) == case.fields
    assert Books(database, user).energy() == 100 - case.standard


@pytest.mark.parametrize("case", PAID, ids=name_of)
@pytest.mark.parametrize("tier", ["free", "starter"])
async def test_what_is_for_paid_tiers_is_refused_to_the_free_one_without_a_charge(
    api: Api, new_user: NewUser, database: Database, provider: Provider, case: Case, tier: str
) -> None:
    """The reply is a 403 with the message that the client shows; no model was called."""
    user = new_user(tier, 100)
    body = refused(await api(user, case.body(add_prospect(database, user))), 403, "upgrade_required")
    what = "Sequences" if case.kind == "sequence" else "Elite decks"
    assert body["error"] == f"{what} are only available for Pro and Elite subscribers"
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(100)


@pytest.mark.parametrize("case", PAID, ids=name_of)
async def test_a_paid_tier_short_of_energy_gets_the_standard_class(
    api: Api, new_user: NewUser, database: Database, case: Case
) -> None:
    """The tier decides whether it is served, the energy decides with which model class."""
    user = new_user("elite", case.standard)
    body = delivered(await api(user, case.body(add_prospect(database, user))))
    assert (body["meta"]["energyConsumed"], body["meta"]["energyRemaining"]) == (case.standard, 0)
    assert body["meta"]["downgradeReason"] == "energy"


@pytest.mark.parametrize("case", NEEDING, ids=name_of)
async def test_a_type_that_speaks_about_a_prospect_needs_one(
    api: Api, new_user: NewUser, database: Database, provider: Provider, case: Case
) -> None:
    """The missing field is named; another user's prospect is not found; neither is charged."""
    user, other = new_user(), new_user()
    body = refused(await api(user, case.body()), 400, "invalid_request")
    assert [fault["field"] for fault in body["details"]] == ["prospectId"]
    refused(await api(user, case.body(add_prospect(database, other))), 404, "prospect_not_found")
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(500)


@pytest.mark.parametrize("case", OPTIONAL, ids=name_of)
async def test_a_type_that_can_do_without_a_prospect_does(
    api: Api, new_user: NewUser, database: Database, provider: Provider, case: Case
) -> None:
    """The result has the same fields, and the usage row no prospect."""
    user = new_user()
    assert set(delivered(await api(user, case.body()))["output"]) == case.fields
    assert Books(database, user).usage()[0]["prospect_id"] is None
    assert len(provider.bodies()) == case.parts
    assert all('"prospect"' not in sent["messages"][1]["content"] for sent in provider.bodies())


# A type, one of its inputs, and the values that the contract allows.
CHOICES: list[tuple[str, str, list[str]]] = [
    ("sequence", "sequenceType",
     ["cold_outreach", "follow_up", "nurture", "reconnect", "close", "recruit", "sell", "book_call"]),
    ("objection", "objectionType",
     ["no_time", "no_money", "not_now", "too_expensive", "skeptic", "already_tried", "thinking_about_it", "busy",
      "needs_approval", "not_interested"]),
    ("booking", "callType", ["zoom", "phone", "coffee", "office"]),
    ("revival", "lastInteractionType", ["message", "call", "meeting"]),
    ("referral", "context", ["post_meeting", "post_sale", "inactive_prospect", "warm_friend"]),
    ("call", "callPurpose", ["discovery", "presentation", "closing", "follow_up"]),
    ("social", "postType", ["personal", "business", "life_event", "pain_point", "neutral", "achievement"]),
    ("social", "goal", ["relationship_building", "nurture", "soft_positioning"]),
    ("deck", "deckType", ["basic", "elite"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "allowed"), CHOICES)
async def test_every_allowed_choice_reaches_the_instructions(
    api: Api, new_user: NewUser, database: Database, provider: Provider,
    kind: str, name: str, allowed: list[str],
) -> None:  # fmt: skip
    """A deck's kind determines its outline, every other choice appears by its name."""
    user = new_user("team", 1000)
    prospect_id = add_prospect(database, user, "Maria Santos", NOTES)
    for choice in allowed:
        delivered(await api(user, case_of(kind).body(prospect_id, **{name: choice})))
    said = list(dict.fromkeys(sent["messages"][0]["content"] for sent in provider.bodies()))
    shown = {"basic": "exactly 7 slides", "elite": "exactly 15 slides"}
    for choice, instructions in zip(allowed, said, strict=True):
        task = instructions.partition("Task: ")[2].partition("\n\n")[0]
        assert shown.get(choice, choice) in task


@pytest.mark.parametrize(("kind", "name", "allowed"), CHOICES)
async def test_an_unknown_choice_is_refused_with_the_allowed_ones(
    api: Api, patient: User, maria: str, database: Database, provider: Provider,
    kind: str, name: str, allowed: list[str],
) -> None:  # fmt: skip
    """The reply is a 400 before anything is held."""
    body = case_of(kind).body(maria, **{name: "whatever"})
    answer = refused(await api(patient, body), 400, "invalid_request")
    (fault,) = answer["details"]
    assert (fault["field"], fault["allowed"]) == (name, allowed)
    assert ", ".join(allowed) in answer["error"]
    assert provider.requests() == []
    assert Books(database, patient).requests() == []


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("sequence", "totalSteps", 2),
        ("sequence", "totalSteps", 11),
        ("sequence", "totalSteps", 3.5),
        ("sequence", "totalSteps", "many"),
        ("revival", "daysSinceLastContact", -1),
        ("revival", "daysSinceLastContact", "long"),
        ("referral", "referrerName", 7),
        ("objection", "objection", "x" * 4_001),
        ("social", "context", "x" * 20_001),
        ("deep_scan", "context", ["a", "b"]),
        ("booking", "channel", "fax"),
        ("call", "tone", "angry"),
        ("deck", "language", "klingon"),
    ],
)
async def test_a_wrong_input_is_refused_by_its_name(
    api: Api, patient: User, maria: str, database: Database, kind: str, name: str, value: object
) -> None:
    """A value out of range, of another type, too long or unknown is refused."""
    body = case_of(kind).body(maria, **{name: value})
    answer = refused(await api(patient, body), 400, "invalid_request")
    assert [fault["field"] for fault in answer["details"]] == [name]
    Books(database, patient).assert_nothing_charged(500)


async def test_a_missing_objection_names_both_of_its_fields(api: Api, patient: User) -> None:
    """The error names the objection's text and its kind."""
    answer = refused(await api(patient, {"generationType": "objection"}), 400, "invalid_request")
    assert [fault["field"] for fault in answer["details"]] == ["objection", "objectionType"]


async def test_the_given_kind_of_an_objection_is_kept(api: Api, new_user: NewUser) -> None:
    """The model may not change the kind that the caller gave."""
    body = {"generationType": "objection", "objectionType": "too_expensive"}
    assert delivered(await api(new_user(), body))["output"]["objectionType"] == "too_expensive"


@pytest.mark.parametrize(("asked", "given"), [(None, 5), ("", 5), (3, 3), ("4", 4), (10, 10)])
async def test_a_sequence_has_exactly_the_steps_asked_for(
    api: Api, new_user: NewUser, database: Database, asked: object, given: int
) -> None:
    """There are five steps by default, numbered from one, with increasing days from zero."""
    user = new_user()
    body = case_of("sequence").body(add_prospect(database, user, "Maria Santos", NOTES), totalSteps=asked)
    sequence = delivered(await api(user, body))["output"]["sequence"]
    assert set(sequence) == {"steps", "totalSteps", "sequenceType"}
    assert (sequence["totalSteps"], sequence["sequenceType"]) == (given, "follow_up")
    assert [step["step"] for step in sequence["steps"]] == list(range(1, given + 1))
    days = [step["day"] for step in sequence["steps"]]
    assert days[0] == 0
    assert days == sorted(set(days))
    for step in sequence["steps"]:
        assert (
            {"step", "day", "subject", "message"} <= set(step) <= {"step", "day", "subject", "message", "cta"}
        )


@pytest.mark.parametrize("case", BOTH_DECKS, ids=name_of)
async def test_a_deck_is_an_array_of_numbered_slides(api: Api, new_user: NewUser, case: Case) -> None:
    """The deck has seven or fifteen slides, each with a title and a content."""
    deck = delivered(await api(new_user(), case.body()))["output"]["deck"]
    assert [slide["slide"] for slide in deck] == list(range(1, case.counts["deck"] + 1))
    for slide in deck:
        assert {"slide", "title", "content"} <= set(slide) <= {"slide", "title", "content", "bullets"}


@pytest.mark.parametrize(
    ("fields", "slides"),
    [
        ({}, 7),
        ({"version": "elite"}, 15),
        ({"version": "basic"}, 7),
        ({"deckType": "", "version": "elite"}, 15),
        ({"deckType": "basic", "version": "elite"}, 7),
    ],
)
async def test_version_is_another_name_of_the_deck_type(
    api: Api, new_user: NewUser, fields: dict[str, str], slides: int
) -> None:
    """If both are given, the deck type is used."""
    body = {"generationType": "deck", **fields}
    assert len(delivered(await api(new_user(), body))["output"]["deck"]) == slides


async def test_a_deep_scan_names_the_words_behind_each_finding(
    api: Api, new_user: NewUser, database: Database
) -> None:
    """There is one list of spans for each field, in the order of its findings, each with words of the record."""
    user = new_user()
    prospect_id = add_prospect(database, user, "Maria Santos", NOTES)
    output = delivered(await api(user, case_of("deep_scan").body(prospect_id)))["output"]
    assert 0 <= output["scoutScore"] <= 100
    assert 0 <= output["confidence"] <= 100
    assert output["bucket"] == "hot"  # Three worries and two hopes: over 70.
    assert set(output["evidence"]) == set(output) - {"evidence", "confidence", "bucket"}
    for name, spans in output["evidence"].items():
        assert all(span in f"{NOTES} Maria Santos discover cold" for span in spans), name
        if isinstance(output[name], list):
            assert len(spans) == len(output[name])
    assert output["painPoints"]


async def test_a_company_analysis_without_a_company_is_refused(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """Without a pasted or stored company nothing is invented, and nothing charged."""
    user = new_user()
    answer = refused(await api(user, {"generationType": "company_analysis"}), 400, "invalid_request")
    assert [fault["field"] for fault in answer["details"]] == ["context"]
    assert provider.requests() == []
    Books(database, user).assert_nothing_charged(500)


async def test_a_company_analysis_takes_the_stored_company(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The stored profile is used if no text was pasted."""
    user = new_user()
    database.execute(
        """insert into public.company_profiles (user_id, company_name, company_description)
           values (%s, 'Tahanan Realty', 'House-and-lot packages in Cavite.')""",
        [user.id],
    )
    output = delivered(await api(user, {"generationType": "company_analysis"}))["output"]
    assert set(output) == case_of("company_analysis").fields
    assert "House-and-lot packages in Cavite." in provider.bodies()[0]["messages"][1]["content"]


async def test_a_result_that_breaks_its_schema_is_asked_for_once_more(
    api: Api, new_user: NewUser, database: Database, provider: Provider
) -> None:
    """The result is repaired once, and charged once."""
    user = new_user()
    provider.fail({"kind": "broken_schema"})
    body = delivered(await api(user, case_of("sequence").body(add_prospect(database, user))))
    assert (body["meta"]["retryCount"], body["meta"]["energyConsumed"]) == (1, 50)
    assert [row["state"] for row in Books(database, user).attempts()] == ["failed", "succeeded"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_result_that_stays_broken_is_an_error_and_free(
    api: Api, new_user: NewUser, database: Database, provider: Provider, case: Case
) -> None:
    """There is never a partial result, and never a charge for one."""
    user = new_user()
    provider.fail({"kind": "broken_schema", "times": 8})
    reply = await api(user, case.body(add_prospect(database, user, "Maria Santos", NOTES)))
    refused(reply, 502, "provider_error")
    assert len(provider.requests()) == len(Books(database, user).attempts()) == 2 * case.parts
    Books(database, user).assert_nothing_charged(500)


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_the_stored_generation_holds_the_choices_and_not_the_words(
    api: Api, new_user: NewUser, database: Database, case: Case
) -> None:
    """Pasted text and messages are not in `input_data`; the result is stored unchanged."""
    user = new_user()
    prospect_id = add_prospect(database, user, "Maria Santos", NOTES)
    body = delivered(await api(user, case.body(prospect_id, tone="warm", industry="dental clinics")))
    (row,) = Books(database, user).generations()
    assert (row["generation_type"], row["output_data"]) == (case.kind, body["output"])
    kept = row["input_data"]
    assert (kept["tone"], kept["industry"], kept["generationType"]) == ("warm", "dental clinics", case.kind)
    words = set(case.inputs) & {"objection", "referrerName", "context"} - (
        {"context"} if case.kind == "referral" else set()
    )
    assert not words & set(kept)


async def test_variations_of_a_sequence_are_charged_once(
    api: Api, new_user: NewUser, database: Database
) -> None:
    """The transaction groups the variations, as the client's feature of five variations needs."""
    user = new_user()
    body = case_of("sequence").body(add_prospect(database, user), transactionId="five", totalSteps=3)
    charged = [delivered(await api(user, body))["meta"]["energyConsumed"] for _ in range(5)]
    assert charged == [50, 0, 0, 0, 0]
