"""Of a large workspace the model gets what fits the visitor's message, within the budget."""

import json
from typing import Any

from tests.conftest import Database
from tests.functions.public_chatbot_chat.chat_page import NewPage, Page
from tests.provider import Provider


def fill(database: Database, page: Page) -> None:
    """Store three hundred pairs, sixty products and a company, 200,000 bytes in all, with one of each to be found."""
    owner = page.owner.id
    database.execute(
        """insert into public.public_chatbot_training_data (user_id, category, question, answer, priority)
           select %s, 'faq', 'Tanong ' || n, repeat('sagot ', 50), 1 from generate_series(1, 300) n""",
        [owner],
    )
    database.execute(
        """insert into public.public_chatbot_training_data (user_id, category, question, answer, priority)
           values (%s, 'faq', 'Paano ang refund?', 'Sa loob ng pitong araw po.', 0)""",
        [owner],
    )
    database.execute(
        """insert into public.products (user_id, name, main_category, long_description, product_url)
           select %s, 'Produkto ' || n, 'health', repeat('haba ', 300), 'https://own.example/' || n
           from generate_series(1, 60) n""",
        [owner],
    )
    database.execute(
        """insert into public.products (user_id, name, main_category, base_price, created_at)
           values (%s, 'Moringa tea', 'health', 350, now() - interval '9 years')""",
        [owner],
    )
    database.execute(
        """insert into public.company_profiles (user_id, company_name, mission) values (%s, 'Siggy', %s)
           on conflict (user_id) do update set company_name = excluded.company_name, mission = excluded.mission""",
        [owner, "Tulong sa bawat pamilya. " * 200],
    )


def facts_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a prompt."""
    facts: dict[str, Any] = json.loads(body["messages"][1]["content"].removeprefix("Facts: "))
    return facts


async def test_of_a_large_workspace_the_model_gets_what_was_asked_about(
    new_page: NewPage, database: Database, provider: Provider
) -> None:
    """The matching pair and product come first; the same message gives the same facts."""
    page = new_page()
    fill(database, page)
    await page.say("Magkano po ang moringa, at paano ang refund?")
    await page.say("Magkano po ang moringa, at paano ang refund?", sessionId=page.session_id)
    first, second = (facts_of(body) for body in provider.bodies())
    assert first["products"][0] == {
        "name": "Moringa tea", "product_type": "product", "main_category": "health", "base_price": 350.0,
        "currency": "PHP",
    }  # fmt: skip
    assert first["answers"][0]["answer"] == "Sa loob ng pitong araw po."
    assert first["company"]["company_name"] == "Siggy"
    assert len(json.dumps(first, ensure_ascii=False).encode()) < 26_000
    assert second == first


async def test_what_it_was_about_stays_known_when_a_visitor_asks_on(
    new_page: NewPage, database: Database, provider: Provider
) -> None:
    """The three newest messages count: «how much is it» still finds the product of the earlier question."""
    page = new_page()
    fill(database, page)
    for said in ("May moringa po ba?", "Magkano?", "Saan po kayo?", "Ah ganun po"):
        await page.say(said)
    names = [facts_of(body)["products"][0]["name"] for body in provider.bodies()]
    assert names[:3] == ["Moringa tea"] * 3
    assert names[3] != "Moringa tea"


async def test_an_owners_link_may_be_said_although_its_product_was_not_chosen(
    new_page: NewPage, database: Database, provider: Provider
) -> None:
    """A link in an earlier answer may be repeated; another path of the domain may not."""
    page = new_page()
    fill(database, page)
    await page.say("Ano po ulit ang link?")
    chosen = {product.get("product_url") for product in facts_of(provider.bodies()[-1])["products"]}
    left_out = next(
        f"https://own.example/{n}" for n in range(1, 61) if f"https://own.example/{n}" not in chosen
    )
    provider.fail({"kind": "say", "message": f"Dito po: {left_out} o {left_out}/999"})
    body = (await page.say("Ano po ulit ang link?")).json()
    assert body["response"] == f"Dito po: {left_out} o"
