"""What an answer may know of one owner: all of it if it fits, else what fits the visitor's message."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql.roles import OTHER, OWNER

Connection = psycopg.Connection[Any]

PIECES = [
    {"question": "Where are you?", "answer": "Makati, near the station."},
    {"question": "Magkano ang barley?", "answer": "1,450 pesos a pack."},
    {"question": "Ano ang collagen?", "answer": "A drink for the skin."},
    {"question": "Do you deliver?", "answer": "Yes, for barley and collagen, in two days."},
]


def relevant(connection: Connection, pieces: list[dict[str, Any]], words: str, budget: int) -> list[Any]:
    """Return the chosen pieces, as the database chooses them."""
    row = connection.execute(
        "select nexscout.most_relevant(%s, %s, %s)", [Jsonb(pieces), words, budget]
    ).fetchone()
    assert row is not None
    chosen: list[Any] = row[0]
    return chosen


def knowledge(connection: Connection, words: str, owner: str = OWNER) -> dict[str, Any]:
    """Return the knowledge of an owner for this message."""
    row = connection.execute("select nexscout.chat_knowledge(%s, %s)", [owner, words]).fetchone()
    assert row is not None
    known: dict[str, Any] = row[0]
    return known


# Budget, words -> indexes of the pieces, best first. Their bytes as text are 69, 68, 68 and 87.
CHOICES = [
    (292, "collagen", [0, 1, 2, 3]),
    (291, "collagen", [2, 3, 0]),
    (155, "collagen", [2, 3]),
    (154, "Collagen?", [2]),
    (140, "magkano po ang barley", [1, 2]),
    (291, "hello", [0, 1, 2]),
    (291, "", [0, 1, 2]),
    (10, "deliver", [3]),
    (156, "deliver:* | !! ' \\ <-> makati", [0, 3]),
]


@pytest.mark.parametrize(("budget", "words", "places"), CHOICES)
def test_the_pieces_that_contain_the_words_come_first_within_the_budget(
    connection: Connection, budget: int, words: str, places: list[int]
) -> None:
    """All in their own order if all fit; else by the words, rare ones before common ones, ties in order."""
    assert relevant(connection, PIECES, words, budget) == [PIECES[place] for place in places]


def test_of_thousands_of_pairs_the_one_that_was_asked_for_is_chosen(connection: Connection) -> None:
    """Of nine hundred pairs of 100 bytes 8,000 bytes are chosen, twice the same."""
    connection.execute(
        """insert into public.public_chatbot_training_data (user_id, category, question, answer, priority)
           select %s, 'faq', 'Tanong ' || n, 'Ang sagot sa tanong ay numero ' || n || repeat(' po', 20), 1000 - n
           from generate_series(1, 900) n""",
        [OWNER],
    )
    connection.execute(
        """insert into public.public_chatbot_training_data (user_id, category, question, answer, priority)
           values (%s, 'faq', 'Paano mag-refund?', 'Sa loob ng pitong araw po.', -5)""",
        [OWNER],
    )
    first = knowledge(connection, "paano po ang refund sa tanong")
    assert first["training"][0]["answer"] == "Sa loob ng pitong araw po."
    assert 7_000 < sum(len(str(pair)) for pair in first["training"]) < 9_000
    assert knowledge(connection, "paano po ang refund sa tanong") == first


def test_products_and_company_are_chosen_by_the_words(connection: Connection) -> None:
    """Of sixty products and forty questions the matching ones come first; the company is always included."""
    connection.execute(
        """insert into public.products (user_id, name, main_category, long_description, product_url)
           select %s, 'Product ' || n, 'health', repeat('x ', 300), 'https://own.example/' || n
           from generate_series(1, 60) n""",
        [OWNER],
    )
    connection.execute(
        """insert into public.products (user_id, name, main_category, created_at)
           values (%s, 'Moringa tea', 'health', now() - interval '9 years')""",
        [OWNER],
    )
    connection.execute(
        """insert into public.company_profiles (user_id, company_name, mission, faqs)
           values (%s, 'Siggy Wellness', repeat('We care. ', 300),
             (select jsonb_agg(jsonb_build_object('q', 'Question ' || n, 'a', repeat('answer ', 20)))
                || '[{"q": "Is it halal?", "a": "Yes, certified."}]' from generate_series(1, 40) n))
           on conflict (user_id) do update set company_name = excluded.company_name, mission = excluded.mission,
             faqs = excluded.faqs""",
        [OWNER],
    )
    known = knowledge(connection, "May moringa po ba, at halal?")
    assert known["company"]["company_name"] == "Siggy Wellness"
    assert known["products"][0]["name"] == "Moringa tea"
    assert known["about"][0] == {"about": "faqs", "text": {"q": "Is it halal?", "a": "Yes, certified."}}
    for part, budget in (("about", 4_000), ("products", 6_000)):
        assert sum(len(str(piece)) for piece in known[part]) < budget + 500
    assert "https://own.example/60" in known["links"]
    assert len(known["links"]) >= 60


def test_fault_17_nothing_of_another_owner_is_known(connection: Connection) -> None:
    """A canary in every table of one owner never reaches the other's answers, for any message (fault 17)."""
    canary = "Canary of the other workspace"
    for statement in (
        """insert into public.public_chatbot_training_data (user_id, category, question, answer)
           values (%s, 'faq', %s, 'x')""",
        "insert into public.products (user_id, main_category, name) values (%s, 'x', %s)",
        """insert into public.company_profiles (user_id, company_name) values (%s, %s)
           on conflict (user_id) do update set company_name = excluded.company_name""",
        """insert into public.workspace_configs (workspace_id, company) values (%s, jsonb_build_object('a', %s::text))
           on conflict (workspace_id) do update set company = excluded.company""",
    ):
        connection.execute(statement, [OTHER, canary])
    assert canary in str(knowledge(connection, canary, OTHER))
    assert canary not in str(knowledge(connection, canary, OWNER))
