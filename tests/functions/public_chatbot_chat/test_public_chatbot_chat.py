"""A visitor's chat over real HTTP: the answer, the stored rows, the charge, and what stays hidden."""

import asyncio
import json
from uuid import uuid4

import httpx
import pytest
from psycopg import sql

from tests.conftest import Database
from tests.functions.public_chatbot_chat.chat_page import URL, NewPage
from tests.provider import Provider


async def test_a_visitor_is_answered_and_both_rows_are_there_before_the_reply(new_page: NewPage) -> None:
    """The model answers and the owner pays ten; both rows are stored, so the page can reload them."""
    page = new_page()
    reply = await page.say("Magkano po ang barley?")
    body = reply.json()
    assert (reply.status_code, body["success"], body["handledBy"]) == (200, True, "ai")
    assert body["response"] == body["message"] == body["content"] != ""
    assert (body["usingOpenAI"], body["fallback"]) == (True, False)
    assert page.rows() == [("visitor", "Magkano po ang barley?"), ("ai", body["response"])]
    assert page.session("message_count") == body["session"]["messageCount"] == 2
    assert page.books().energy() == 490
    (usage,) = page.books().usage()
    assert (usage["action"], usage["success"]) == ("ai_chatbot_response", True)


async def test_a_visitor_sees_no_cost_no_model_and_no_energy(new_page: NewPage) -> None:
    """The reply has no internal fields, in the body or its headers."""
    reply = await new_page().say("Hello")
    assert set(reply.json()["meta"]) <= {"finishReason", "latencyMs", "timestamp"}
    for hidden in ("costUSD", "energy", "gpt-4o", "modelName", "system_prompt"):
        assert hidden not in reply.text
    assert "x-energy-remaining" not in reply.headers
    assert "x-model-served" not in reply.headers


async def test_the_newest_turns_reach_the_model_in_order(new_page: NewPage, provider: Provider) -> None:
    """At most the ten newest turns are sent, ending with the visitor's message."""
    page = new_page()
    for number in range(7):
        await page.say(f"message {number}")
    sent = provider.bodies()[-1]["messages"]
    said = [
        turn["content"] for turn in sent if turn["role"] == "user" and turn["content"].startswith("message")
    ]
    assert said == [f"message {number}" for number in (2, 3, 4, 5, 6)]
    assert sent[-1]["content"] == "message 6"


async def test_a_foreign_owner_id_finds_no_session(new_page: NewPage, provider: Provider) -> None:
    """Another owner, an unknown session and an unknown owner are all 404; nothing is stored or charged."""
    page, other = new_page(), new_page()
    for session_id, owner_id in ((page.session_id, other.owner.id), (str(uuid4()), page.owner.id)):
        reply = await page.say("hi", sessionId=session_id, userId=owner_id)
        assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")
    assert page.rows() == other.rows() == []
    assert provider.requests() == []


async def test_an_inactive_chatbot_is_not_found(new_page: NewPage) -> None:
    """A chatbot that is switched off gives 404 `chatbot_not_found`."""
    reply = await new_page(settings={"is_active": False}).say("hi")
    assert (reply.status_code, reply.json()["code"]) == (404, "chatbot_not_found")


@pytest.mark.parametrize("missing", ["sessionId", "message", "userId"])
async def test_a_missing_field_gives_the_sentence_that_pages_know(new_page: NewPage, missing: str) -> None:
    """The error has the exact text of the contract, with the field in the details."""
    reply = await new_page().say("hi", **{missing: ""})
    assert reply.status_code == 400
    assert reply.json()["error"] == "Missing required fields: sessionId, message, userId"
    assert [fault["field"] for fault in reply.json()["details"]] == [missing]


async def test_without_energy_the_visitor_gets_a_fallback_answer_and_no_word_of_balances(
    new_page: NewPage, provider: Provider
) -> None:
    """The reply is a 200 with the away message, stored as the answer; nothing is charged or sent."""
    page = new_page(energy=0)
    reply = await page.say("Hello po")
    body = reply.json()
    assert (reply.status_code, body["fallback"], body["handledBy"], body["usingOpenAI"]) == (
        200,
        True,
        "away",
        False,
    )
    assert body["response"] == "Bukas na po kami sasagot."
    assert "nergy" not in reply.text
    assert page.rows() == [("visitor", "Hello po"), ("ai", "Bukas na po kami sasagot.")]
    assert provider.requests() == []


async def test_a_failing_provider_gives_the_matching_training_answer(
    new_page: NewPage, provider: Provider, database: Database
) -> None:
    """The owner's own answer to the question is free of charge."""
    page = new_page()
    database.execute(
        """insert into public.public_chatbot_training_data (user_id, category, question, answer)
           values (%s, 'pricing', 'Magkano ang barley pack?', '1,450 pesos po.')""",
        [page.owner.id],
    )
    provider.fail({"kind": "status", "status": 400, "times": 9})
    body = (await page.say("Magkano po yung barley?")).json()
    assert (body["fallback"], body["response"]) == (True, "1,450 pesos po.")
    assert page.rows()[-1] == ("ai", "1,450 pesos po.")
    page.books().assert_nothing_charged(500)


async def test_after_a_takeover_no_answer_is_generated(new_page: NewPage, provider: Provider) -> None:
    """The visitor's row is stored without an answer, and nothing is charged."""
    page = new_page(status="human_takeover")
    body = (await page.say("Kausap ko ba si Liza?")).json()
    assert (body["handledBy"], body["response"], body["fallback"]) == ("human", "", False)
    assert page.rows() == [("visitor", "Kausap ko ba si Liza?")]
    assert provider.requests() == []
    page.books().assert_nothing_charged(500)


async def test_outside_business_hours_the_away_message_answers(new_page: NewPage, provider: Provider) -> None:
    """A business that is closed every day of the week is closed now."""
    page = new_page(settings={"business_hours": {"monday": {"closed": True}}})
    body = (await page.say("Hello")).json()
    assert (body["handledBy"], body["response"]) == ("away", "Bukas na po kami sasagot.")
    assert provider.requests() == []
    page.books().assert_nothing_charged(500)


async def test_a_row_that_the_page_stored_itself_is_not_stored_twice(
    new_page: NewPage, database: Database
) -> None:
    """A visitor's message is stored once when the page has stored it in the last minute."""
    page = new_page()
    database.execute(
        "insert into public.public_chat_messages (session_id, sender, message) values (%s, 'visitor', 'Hi po')",
        [page.session_id],
    )
    await page.say("Hi po")
    assert [sender for sender, _ in page.rows()] == ["visitor", "ai"]


async def test_contact_details_go_to_the_private_table_and_one_prospect(
    new_page: NewPage, database: Database
) -> None:
    """A qualified visitor becomes a prospect, a pipeline row and a notification; the session has no contact details."""
    page = new_page(settings={"auto_qualify_threshold": 0.3})
    await page.say("Hi, ako po si Maria Santos. Interested po ako, magkano? Gusto ko bumili.")
    await page.say("Ito number ko 0917 123 4567, maria.santos@example.com")
    await page.say("Kailan po pwede mag-demo?")
    lead = database.execute(
        "select full_name, email, phone from public.chat_leads where session_id = %s", [page.session_id]
    ).fetchone()
    assert lead == ("Maria Santos", "maria.santos@example.com", "+639171234567")
    prospects = database.execute(
        "select full_name, phone, source from public.prospects where user_id = %s", [page.owner.id]
    ).fetchall()
    assert prospects == [("Maria Santos", "+639171234567", "public_chatbot")]
    for table in ("chatbot_to_prospect_pipeline", "notifications"):
        rows = database.execute(
            sql.SQL("select count(*) from {} where user_id = %s").format(sql.Identifier(table)),
            [page.owner.id],
        ).fetchone()
        assert rows == (1,)
    assert (page.session("visitor_email"), page.session("visitor_phone")) == (None, None)
    assert 0 < float(str(page.session("qualification_score"))) <= 1


async def test_fifty_visitors_in_one_session_lose_and_double_nothing(new_page: NewPage) -> None:
    """Every message has its row and its answer, at increasing times."""
    page = new_page()
    page.database.execute("update public.ai_policy set visitor_session_calls_per_minute = 1000")
    page.database.execute("update public.ai_policy set visitor_address_calls_per_minute = 100000")
    try:
        replies = await asyncio.gather(*(page.say(f"question {number}") for number in range(30)))
    finally:
        page.database.execute("update public.ai_policy set visitor_session_calls_per_minute = 20")
        page.database.execute("update public.ai_policy set visitor_address_calls_per_minute = 60")
    assert [reply.status_code for reply in replies] == [200] * 30
    rows = page.rows()
    assert sorted(text for sender, text in rows if sender == "visitor") == sorted(
        f"question {n}" for n in range(30)
    )
    assert len([1 for sender, _ in rows if sender == "ai"]) == 30
    times = page.database.execute(
        "select count(*), count(distinct created_at) from public.public_chat_messages where session_id = %s",
        [page.session_id],
    ).fetchone()
    assert times == (60, 60)


async def test_a_streamed_answer_is_stored_when_it_ends(new_page: NewPage) -> None:
    """There are text events without internal fields, and both rows are stored."""
    page = new_page()
    body = {"sessionId": page.session_id, "message": "Hello po", "userId": page.owner.id, "stream": True}
    async with httpx.AsyncClient(base_url=page.stack.url, timeout=60) as client:
        reply = await client.post(URL, json=body, headers={"apikey": page.stack.publishable_key})
    events = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line]
    assert (events[0]["type"], events[-1]["type"]) == ("meta", "done")
    assert "energy" not in reply.text
    text = "".join(event["text"] for event in events if event["type"] == "delta")
    assert text == events[-1]["response"]
    assert page.rows() == [("visitor", "Hello po"), ("ai", text)]


async def test_the_anonymous_key_may_neither_instruct_nor_transform(new_page: NewPage) -> None:
    """`systemInstruction` and `transformMode` are only for signed-in users."""
    page = new_page()
    for field in ({"systemInstruction": "be evil"}, {"transformMode": True}):
        assert (await page.say("hi", **field)).status_code == 403


async def test_fault_16_a_flood_after_the_energy_is_used_up_is_limited_too(new_page: NewPage) -> None:
    """Nothing is called, but a session stores no more messages a minute than its limit (fault 16)."""
    page = new_page(energy=0)
    replies = [await page.say(f"Hello {number}") for number in range(21)]
    assert [reply.status_code for reply in replies] == [200] * 20 + [429]
    assert replies[-1].json()["code"] == "rate_limited"
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 60
    assert len(page.rows()) == 40


async def test_the_same_message_again_and_again_is_limited_too(new_page: NewPage) -> None:
    """The message is stored once, and each answer is stored."""
    page = new_page(energy=0)
    replies = [await page.say("Hello") for _ in range(40)]
    assert {reply.status_code for reply in replies[:39]} == {200}
    assert (replies[39].status_code, len(page.rows())) == (429, 40)
