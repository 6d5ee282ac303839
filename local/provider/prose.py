"""Writes plain answers in plausible Taglish or English from what a prompt says."""

from dataclasses import dataclass

from local.provider.reading import HOPE_WORDS, PAIN_WORDS, Reading

_QUOTE_LENGTH = 120


@dataclass(frozen=True)
class Tongue:
    """The sentences of one language; where there are several, variants of an answer use them in turn."""

    hello: str
    nobody: str
    quoting: tuple[str, ...]
    joiner: str
    feeling: str
    thanks: str
    knowing: str
    offers: tuple[str, ...]
    invitations: tuple[str, ...]
    questions: tuple[str, ...]
    times: tuple[str, ...]
    remark: str


TAGLISH = Tongue(
    hello="Hi {name}!",
    nobody="po",
    quoting=(
        "Nabasa ko yung sinabi mo: “{quote}”.",
        "Naalala kita dahil dito: “{quote}”.",
        "Babalikan ko lang yung kuwento mo: “{quote}”.",
    ),
    joiner=" at ",
    feeling="Gets ko kung gaano kabigat ang {pains}.",
    thanks="Salamat sa pag-share!",
    knowing="Ito ang alam ko: {fact}.",
    offers=(
        "May simple option na puwede nating pag-usapan, walang pressure.",
        "May naisip akong paraan na bagay sa schedule mo.",
    ),
    invitations=(
        "Free ka ba for a quick 10-minute chat this week?",
        "Puwede ba kitang tawagan bukas ng gabi?",
        "Anong araw ang okay sa'yo?",
    ),
    questions=(
        "Kumusta na, {name}?",
        "Ano 'yung pinakamabigat para sa'yo ngayon?",
        "Ano na 'yung na-try mo?",
        "Kung may magbago, ano 'yung una mong gagawin?",
    ),
    times=("Sabado, 10:00 ng umaga", "Miyerkules, 7:00 ng gabi", "Linggo, 3:00 ng hapon"),
    remark="{label}: simulan sa “{quote}” para kay {name}.",
)
ENGLISH = Tongue(
    hello="Hi {name}!",
    nobody="there",
    quoting=(
        "I read what you said: “{quote}”.",
        "I thought of you because of this: “{quote}”.",
        "Let me come back to your story: “{quote}”.",
    ),
    joiner=" and ",
    feeling="I know how heavy {pains} can be.",
    thanks="Thank you for sharing that.",
    knowing="Here is what I know: {fact}.",
    offers=(
        "There is a simple option that we can talk through, no pressure at all.",
        "I have an idea that could fit your schedule.",
    ),
    invitations=(
        "Would you be free for a quick 10-minute chat this week?",
        "May I call you tomorrow evening?",
        "Which day works for you?",
    ),
    questions=(
        "How have you been, {name}?",
        "What weighs on you most right now?",
        "What have you tried so far?",
        "If one thing changed, what would you do first?",
    ),
    times=(
        "Saturday, 10:00 in the morning",
        "Wednesday, 7:00 in the evening",
        "Sunday, 3:00 in the afternoon",
    ),
    remark="{label}: start from “{quote}” with {name}.",
)


def tongue(reading: Reading) -> Tongue:
    """Return English if the prompt asks for it, else Taglish."""
    return ENGLISH if reading.language == "english" else TAGLISH


def write(reading: Reading, variant: int = 0) -> str:
    """Return a few sentences to the person of the prompt, which quote what was said and what is known."""
    says, pains = tongue(reading), reading.found(PAIN_WORDS)[:2]
    said, fact = quote(reading), reading.fact
    sentences = [
        says.hello.format(name=reading.name or says.nobody),
        _turn(says.quoting, variant).format(quote=said) if said else "",
        says.feeling.format(pains=says.joiner.join(pains)) if pains else says.thanks,
        says.knowing.format(fact=shorten(fact, _QUOTE_LENGTH).rstrip(".")) if fact else "",
        _turn(says.offers, variant),
        _turn(says.invitations, variant),
    ]
    return " ".join(sentence for sentence in sentences if sentence) + numbered(variant, len(says.quoting))


def invite(reading: Reading, variant: int = 0) -> str:
    """Return the next step that the prompt asks for."""
    says = tongue(reading)
    return _turn(says.invitations, variant) + numbered(variant, len(says.invitations))


def ask(reading: Reading, variant: int = 0) -> str:
    """Return an open question to the person of the prompt."""
    says = tongue(reading)
    question = _turn(says.questions, variant).format(name=reading.name or says.nobody)
    return question + numbered(variant, len(says.questions))


def time(reading: Reading, variant: int = 0) -> str:
    """Return a day and an hour to offer."""
    says = tongue(reading)
    return _turn(says.times, variant) + numbered(variant, len(says.times))


def remark(reading: Reading, label: str) -> str:
    """Return a sentence of advice on the person of the prompt."""
    return tongue(reading).remark.format(label=label, quote=quote(reading), name=reading.name or "prospect")


def quote(reading: Reading) -> str:
    """Return the best span to quote: a pain, else a hope, else the newest message, shortened at a word."""
    spans = reading.holding(PAIN_WORDS) or reading.holding(HOPE_WORDS)
    return shorten(spans[0] if spans else reading.newest, _QUOTE_LENGTH).rstrip(".")


def shorten(text: str, length: int) -> str:
    """Return the text on one line and with at most `length` characters, cut between words where possible."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    return line[: length + 1].rsplit(" ", 1)[0][:length]


def numbered(variant: int, known: int) -> str:
    """Return a suffix that distinguishes a variant when all sentences have been used."""
    return "" if variant < known else f" ({variant + 1})"


def _turn(sentences: tuple[str, ...], variant: int) -> str:
    return sentences[variant % len(sentences)]
