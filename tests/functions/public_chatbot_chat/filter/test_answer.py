"""What the filter keeps of a model's answer: the owner's own links, no markup, and none of the instructions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.public_chatbot_chat.filter.answer import AnswerFilter
from functions.public_chatbot_chat.filter.instructions_leak import quoted
from functions.public_chatbot_chat.filter.links import links_in
from shared.errors import ContentRefused

OWN = [
    "Order at https://Siggy.example/Order?from=chat or www.siggy.example, mail hello@siggy.example.",
    "facebook.com/siggywellness",
]
SECRET = (
    "You are Siggy, the chat assistant on the public page of Siggy Wellness. Never invent a price, a discount, "
    "an availability, a result or a promise. Offer the barley pack before anything else, whatever was asked."
)
PUBLIC = ["The barley pack has thirty sachets of young barley grass from Benguet and nothing else in it."]


def answer_filter() -> AnswerFilter:
    """Return a filter that knows these links, this secret and these facts."""
    return AnswerFilter(SECRET, PUBLIC, links_in(OWN))


def filtered(*pieces: str) -> str:
    """Return the filtered text of an answer in these chunks."""
    through = answer_filter()
    return "".join([*(through.add(piece) for piece in pieces), through.end()])


# The model's answer -> the filtered text.
ANSWERS = [
    ("Salamat po!", "Salamat po!"),
    ("  Dalawang pack.\n\n- Una\n- Pangalawa \n", "Dalawang pack.\n\n- Una\n- Pangalawa"),
    ("It costs P1,450.00 (2.5 kg), 24/7, 1 < 2 <3", "It costs P1,450.00 (2.5 kg), 24/7, 1 < 2 <3"),
    ("Order at https://siggy.example/Order?from=chat.", "Order at https://siggy.example/Order?from=chat."),
    ("See SIGGY.example, or http://www.siggy.example/", "See SIGGY.example, or http://www.siggy.example/"),
    ("Mail HELLO@siggy.example!", "Mail HELLO@siggy.example!"),
    ("On facebook.com/siggywellness po", "On facebook.com/siggywellness po"),
    ("Pay at https://evil.example/pay now.", "Pay at now."),
    ("Pay at https://evil.example/pay.", "Pay at."),
    ("Pay at (evil.com).", "Pay at."),
    ("https://evil.example", ""),
    ("See siggy.example/other-path", "See"),
    ("See https://siggy.example@evil.com/x", "See"),
    ("See https:\\\\evil.com or //evil.com/x or http:/evil.com", "See or or"),
    ("See evil\u3002com and ev\u200bil.com and 10.0.0.1:8080/x", "See and and"),
    ("See evil.quest or WWW.EVIL.quest", "See evil. quest or"),
    ("Opo.Sa Manila po kami.Salamat", "Opo. Sa Manila po kami. Salamat"),
    ("B.S.Ed. grads, at 9.am, at home.sa Makati", "B. S. Ed. grads, at 9. am, at home. sa Makati"),
    ("See evil.ph or EVIL.COM or t.me or a.evil.shop", "See or or or"),
    ("Write to thief@evil.example today", "Write to today"),
    ("Run javascript:alert(1) or data:text/html,x", "Run or"),
    ("[Order here](https://siggy.example/Order?from=chat)", "Order here (https://siggy.example/Order?from=chat)"),
    ("[Order here](https://evil.example/pay) po", "Order here po"),
    ('[Order](https://evil.example "Best price") po', "Order po"),
    ("![Photo](https://evil.example/x.png)", "Photo"),
    ("[evil.com](https://siggy.example)", "(https://siggy.example)"),
    ("[not a link] (po)", "[not a link] (po)"),
    ("Wow![x", "Wow![x"),
    ("<b>Barley</b> <a href='https://evil.example'>dito</a>", "Barley dito"),
    ("<https://siggy.example> <https://evil.example>", "https://siggy.example"),
    ("Una<br>Dalawa", "Una\nDalawa"),
    ("<<b>script>alert(1)<</b>/script>", "script>alert(1)/script>"),
    ("<script src=//evil.com", "script src="),
    ("<1https://evil.com<script>", "<1https:"),
    ("siggy.exhttps://evil.comample", ""),
    ("\u202eabc\x00\ud83d \U0001f44d", "abc \U0001f44d"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "left"), ANSWERS, ids=[str(n) for n in range(len(ANSWERS))])
def test_an_answer_keeps_its_words_and_only_the_owners_links(said: str, left: str) -> None:
    """Foreign links and markup are removed, buffered and streamed in any chunks."""
    assert filtered(said) == left
    assert filtered(*said) == left
    for cut in range(len(said)):
        assert filtered(said[:cut], said[cut:]) == left


BAITS = [
    "a.",
    "1.",
    "a-",
    "[",
    "<",
    "![a](",
    "x",
    "a@",
    "//",
    "evil.com,",
    "a.b.c.d.e.f.g.h.i.j.k.l.m.evil.com ",
]


@pytest.mark.parametrize("bait", BAITS)
def test_an_answer_of_baits_keeps_no_link(bait: str) -> None:
    """A long answer full of text that looks like the start of a link has none, whole and in chunks."""
    said = bait * (2_400 // len(bait))
    left = filtered(said)
    assert filtered(*(said[at : at + 4] for at in range(0, len(said), 4))) == left
    assert "evil" not in left
    assert links_in([left]) == frozenset()


PIECES = st.sampled_from(
    ["<", ">", "[", "]", "(", ")", "!", "/", ":", ".", "@", " ", "\n", "a", "b.", "https://", "evil.com", "evil", ".ph",
     "siggy.example", "hello@", "<b>", "</b>", "](", "www.", "script", "\\", "\u200b", "PO", "<a href='x'>", "\u3002"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25), st.data())
def test_any_answer_is_the_same_however_it_is_cut_and_passes_unchanged_again(
    pieces: list[str], data: st.DataObject
) -> None:
    """The deltas add up to the stored text, which has no tag and only the owner's links."""
    said = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=5)))
    parts = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    left = filtered(said)
    assert filtered(*parts) == left
    assert not any(f"<{letter}" in left for letter in "abhs/!?")
    assert links_in([left]) <= links_in(OWN)


def test_an_answer_that_repeats_the_instructions_is_refused() -> None:
    """It is refused in any case and with any punctuation; at most eleven letters of the run were sent before."""
    repeated = "OK po: never  **invent** a price,\na DISCOUNT, an availability, a result or a promise!"
    through, left = answer_filter(), ""
    try:
        for letter in repeated:
            left += through.add(letter)
    except ContentRefused:
        assert left == "OK po: never  **invent** "
    with pytest.raises(ContentRefused):
        filtered(repeated)


@pytest.mark.parametrize("start", range(0, len(SECRET) - 60, 7))
def test_sixty_characters_of_the_instructions_never_leave(start: int) -> None:
    """A run is refused wherever it starts, and whatever surrounds it."""
    run = SECRET[start : start + 60]
    for said in (run, f"Sige po. {run} Yan po.", run.upper(), run.replace(" ", "<i></i> ")):
        with pytest.raises(ContentRefused):
            filtered(said)


def test_short_runs_of_the_instructions_are_no_secret() -> None:
    """People say such words by chance: they are sent late, and complete."""
    said = "I am the chat assistant on the public page, and never invent a price."
    through = answer_filter()
    assert through.add("I am the chat assistant on the public") == "I am the chat assi"
    assert filtered(said) == said
    assert filtered(*said) == said


def test_public_words_may_be_said_although_the_instructions_hold_them() -> None:
    """These are a product's own description, and text that the owner put in quotation marks."""
    greeting = "Magandang araw po, welcome to Siggy Wellness, the home of young barley."
    own = f"Always begin with \u201c{greeting}\u201d. {PUBLIC[0]}"
    through = AnswerFilter(own, [*PUBLIC, *quoted(own)], frozenset())
    said = f"{greeting} {PUBLIC[0]}"
    assert through.add(said) + through.end() == said
