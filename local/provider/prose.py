"""Writes plain answers in plausible Taglish or English out of what a prompt says."""

from local.provider.reading import HOPE_WORDS, PAIN_WORDS, Reading

_QUOTE_LENGTH = 120


def write(reading: Reading) -> str:
    """A few sentences to the person of the prompt, quoting what was said."""
    return " ".join(_english(reading) if reading.language == "english" else _taglish(reading))


def quote(reading: Reading) -> str:
    """The span most worth quoting: a pain, else a hope, else the newest message, shortened at a word."""
    spans = reading.about(PAIN_WORDS) or reading.about(HOPE_WORDS)
    return shorten(spans[0] if spans else reading.question, _QUOTE_LENGTH)


def shorten(text: str, length: int) -> str:
    """The text on one line and at most so long, cut between words where it can be."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    return line[:length].rsplit(" ", 1)[0]


def _taglish(reading: Reading) -> list[str]:
    pains = reading.found(PAIN_WORDS)
    feeling = f"Gets ko na mahalaga sa'yo ang {' at '.join(pains[:2])}." if pains else "Salamat sa pag-share!"
    return [
        f"Hi {reading.name or 'po'}!",
        f"Nabasa ko yung sinabi mo: “{quote(reading)}”.",
        feeling,
        "May simple option na puwede nating pag-usapan, walang pressure.",
        "Free ka ba for a quick 10-minute chat this week?",
    ]


def _english(reading: Reading) -> list[str]:
    pains = reading.found(PAIN_WORDS)
    feeling = (
        f"I understand that {' and '.join(pains[:2])} matters to you."
        if pains
        else "Thank you for sharing that."
    )
    return [
        f"Hi {reading.name or 'there'}!",
        f"I read what you said: “{quote(reading)}”.",
        feeling,
        "There is a simple option that we can talk through, no pressure at all.",
        "Would you be free for a quick 10-minute chat this week?",
    ]
