"""The points of a visitor's chat: each rule alone, all together, and for any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.public_chatbot_chat.lead.qualification import Reason, emotional_state, qualify

# One message per row: the words, qualification, buying intent.
POINTS = [
    ("hello", 0.0, 0.0),
    ("the price", 0.15, 0.2),
    ("Magkano po", 0.15, 0.2),
    ("what does it COST", 0.15, 0.2),
    ("a demo", 0.2, 0.2),
    ("your presentation", 0.2, 0.2),
    ("I buy it", 0.25, 0.3),
    ("bibili ako", 0.25, 0.3),
    ("I place an order", 0.0, 0.3),
    ("interested", 0.1, 0.1),
    ("i want it", 0.1, 0.0),
    ("gusto ko", 0.1, 0.1),
    ("pa-sched po", 0.2, 0.0),
    ("an appointment", 0.2, 0.0),
    ("kailan", 0.0, 0.15),
    ("how soon?", 0.05, 0.15),
    ("a free trial", 0.0, 0.2),
    ("tell me more", 0.0, 0.05),
    ("tell me more, I learn fast", 0.0, 0.05),
    ("this is priceless", 0.0, 0.0),
    ("he is disinterested, unwanted and busy buyers' democracy", 0.0, 0.0),
    ("price price price cost", 0.15, 0.2),
    ("really?", 0.05, 0.0),
    ("a" * 301, 0.1, 0.0),
    ("a" * 300, 0.0, 0.0),
]


@pytest.mark.parametrize(("message", "qualification", "buying_intent"), POINTS)
def test_one_message_gives_the_points_of_its_words(
    message: str, qualification: float, buying_intent: float
) -> None:
    """Whole words count, in any case and once."""
    judged = qualify([message])
    assert (judged.qualification, judged.buying_intent) == (qualification, buying_intent)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.1), (4, 0.1), (5, 0.2), (9, 0.2)]
)
def test_three_messages_give_ten_points_and_five_twenty_in_all(count: int, expected: float) -> None:
    """The number of a visitor's messages counts in two steps."""
    assert qualify(["ok"] * count).qualification == expected


def test_all_rules_together_are_capped_at_one() -> None:
    """20 + 15 + 20 + 25 + 10 + 20 + 10 + 5 are 125 points, of which 100 count."""
    judged = qualify(
        ["price?", "demo", "I buy, when?", "interested, tell me more", "book an appointment " + "x" * 300]
    )
    assert judged.qualification == 1.0
    assert sum(reason.points for reason in judged.qualification_reasons) == 125
    assert judged.buying_intent == 1.0


def test_each_reason_has_its_rule_points_and_words() -> None:
    """The owner can see why a visitor scored."""
    judged = qualify(["Magkano po ang Demo? magkano?"])
    assert judged.qualification_reasons == (
        Reason("question", 5, ("?",)),
        Reason("price", 15, ("magkano",)),
        Reason("demo", 20, ("demo",)),
    )
    assert judged.buying_reasons == (Reason("price", 20, ("magkano",)), Reason("demo", 20, ("demo",)))


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        ([], "Neutral"),
        (["hello po"], "Neutral"),
        (["Wow, ang galing!"], "Excited"),
        (["is this a scam?"], "Concerned"),
        (["natatakot ako"], "Concerned"),
        (["gusto ko sumali"], "Interested"),
        (["what is it?"], "Curious"),
        (["is it a scam?", "wow, amazing"], "Excited"),
        (["wow, amazing", "ok po"], "Excited"),
    ],
)
def test_the_newest_message_that_shows_a_state_decides(messages: list[str], state: str) -> None:
    """A visitor whose concern was answered is no longer concerned."""
    assert emotional_state(messages) == state


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=400), max_size=8))
def test_any_messages_give_scores_in_steps_of_a_hundredth(messages: list[str]) -> None:
    """Scores are from 0 to 1, explained by their reasons, and deterministic."""
    judged = qualify(messages)
    reasons = (judged.qualification_reasons, judged.buying_reasons)
    for value, why in zip((judged.qualification, judged.buying_intent), reasons, strict=True):
        assert value == min(100, sum(reason.points for reason in why)) / 100
    assert qualify(messages) == judged
