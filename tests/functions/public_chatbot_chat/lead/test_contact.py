"""Contact details in a visitor's words: scores on hand-written conversations, and properties of every text."""

import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.public_chatbot_chat.lead.contact import READ_CHARACTERS, Lead, find_lead
from shared.contacts.emails import spelled, valid_address
from shared.contacts.phones import valid_number
from shared.contacts.statement import Found, Span
from tests.functions.public_chatbot_chat.conversations.scores import (
    FIELDS,
    Part,
    conversations,
    our_rules,
    plain_regexes,
    score,
    table,
)

SNIPPETS = [
    *(
        "I'm ",
        "my name is ",
        "ako po si ",
        "si ",
        " to",
        " here",
        "this is ",
        "call me ",
        "Name: ",
        "sorry, it's ",
        "mali, ",
    ),
    *(
        "Maria",
        "Ana Cruz",
        "Ana",
        "dela Cruz",
        "Ma.",
        "Jr.",
        "jun",
        "Cebu",
        "'s",
        "Thanks,\n",
        "Interested",
        "\u2019",
        "ñ",
    ),
    *(
        "0917 123 4567",
        "09181234567",
        "+65 9123 4567",
        "917",
        "2,500,000",
        "order no. ",
        "or ",
        "also ",
        "not ",
        "his number ",
    ),
    *(
        "a.b@gmail.com",
        "c@d.ph",
        "jo at gmail dot com",
        "[at]",
        " dot ",
        "@",
        "email ",
        ".",
        ",",
        " ",
        "\n",
        "?",
        "dapat",
        "1",
    ),
    *(
        "from ",
        "I work at ",
        "Sun Realty",
        "Acme Inc.",
        "sa ",
        " ako nagwo-work",
        "\u202e",
        "\x00",
        "😀",
        "<script>",
        "\uff10\uff19",
    ),
]
WORDS = st.lists(st.sampled_from(SNIPPETS), max_size=12).map("".join)
CHATS = st.lists(st.one_of(WORDS, st.text(max_size=80)), max_size=5)


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_contact_details_reach_their_scores_on_either_part(part: Part) -> None:
    """E-mail F1 0.99, phone F1 0.97 and name precision 0.97 are reached, also on the part that was not tuned."""
    chats = conversations(part)
    print(f"\n{part}, {len(chats)} conversations\n{table(chats)}")  # noqa: T201  # the figures are the point
    assert score(our_rules, "email", chats).f1 >= 0.99
    assert score(our_rules, "phone", chats).f1 >= 0.97
    assert score(our_rules, "name", chats).precision >= 0.97


def test_the_conversations_are_enough_and_some_are_held_out() -> None:
    """The file has at least 120 conversations, and no message twice."""
    chats = conversations()
    assert len(chats) >= 120
    assert len(conversations("held_out")) >= 40
    assert len({tuple(chat.messages) for chat in chats}) == len(chats)


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_is_invented_where_the_visitor_gave_nothing(field: str) -> None:
    """No value is returned for a conversation without one."""
    assert score(our_rules, field, conversations()).made_up == 0


@pytest.mark.parametrize("field", ["name", "email", "phone"])
def test_the_rules_beat_the_regexes_they_replace(field: str) -> None:
    """On the same file the usual regular expressions are worse for each field."""
    assert score(our_rules, field, conversations()).f1 > score(plain_regexes, field, conversations()).f1


def test_every_value_of_the_conversations_is_in_the_visitors_words() -> None:
    """The evidence of each value, read alone, gives the same value."""
    for chat in conversations():
        assert_said(find_lead(chat.messages), chat.messages)


def reads_any_text(examples: int) -> None:
    """Assert that each value is a span of the text, and that reading a conversation twice gives the same lead."""

    @settings(max_examples=examples, deadline=None)
    @given(CHATS)
    def read(messages: list[str]) -> None:
        once = find_lead(messages)
        assert_said(once, messages)
        assert find_lead(messages, once) == once

    read()


def test_any_text_is_read_without_an_error_and_only_for_what_it_says() -> None:
    """A retried call reads it again and gets the same lead."""
    reads_any_text(1_500)


@pytest.mark.soak
def test_any_text_of_many_is_read_without_an_error_and_only_for_what_it_says() -> None:
    """The same holds for more examples."""
    reads_any_text(12_000)


@settings(max_examples=200, deadline=None)
@given(CHATS, CHATS)
def test_messages_can_be_read_as_they_come(earlier: list[str], later: list[str]) -> None:
    """The values are the same whether a conversation is read at once or in two parts."""
    parts, whole = find_lead(later, find_lead(earlier)), find_lead([*earlier, *later])
    assert [_value(parts, field) for field in FIELDS] == [_value(whole, field) for field in FIELDS]


def test_a_phone_is_kept_with_the_place_where_it_was_said() -> None:
    """The evidence has the message and the position in it."""
    lead = find_lead(["hello", "text 0917 123 4567 po"])
    assert lead == Lead(phone=Found("+639171234567", Span(1, 5, 18)))


def test_what_is_known_stays_until_the_visitor_says_otherwise() -> None:
    """A message without details changes nothing; a new number replaces only the known number."""
    known = Lead(name=Found("Ana Cruz"), phone=Found("+639171234567"))
    assert find_lead(["magkano po?"], known) == known
    changed = find_lead(["sorry, it's 0918 765 4321"], known)
    assert (changed.name, _value(changed, "phone")) == (known.name, "+639187654321")


def test_text_far_beyond_a_reasonable_length_is_not_read() -> None:
    """Reading a pasted text takes bounded time."""
    assert find_lead(["x" * READ_CHARACTERS + " text 0917 123 4567"]) == Lead()


def _value(lead: Lead, field: str) -> str | None:
    found: Found | None = getattr(lead, field)
    return None if found is None else found.value


def assert_said(lead: Lead, messages: list[str]) -> None:
    """Assert that each value can be calculated again from its evidence alone."""
    for field in FIELDS:
        found: Found | None = getattr(lead, field)
        if found is None:
            continue
        assert found.span is not None
        words = messages[found.span.message][found.span.start : found.span.end]
        assert found.value == _from_words(field, words)
        assert found.value


def _from_words(field: str, words: str) -> str | None:
    if field == "phone":
        return valid_number(words)
    if field == "email":
        return valid_address(spelled(words))
    return re.sub(r"\s+", " ", words)


def test_every_expected_phone_and_address_is_valid_by_its_standard() -> None:
    """The expected values in the file are themselves valid."""
    for chat in conversations():
        if "phone" in chat.expected:
            assert phonenumbers.is_valid_number(phonenumbers.parse(chat.expected["phone"]))
        if "email" in chat.expected:
            assert valid_address(chat.expected["email"]) == chat.expected["email"]
