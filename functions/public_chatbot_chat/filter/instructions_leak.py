"""Keeps the instructions of a chat out of its answers, as far as the words themselves can tell."""

import re
import unicodedata
from collections.abc import Iterable

from shared.errors import ContentRefused

MOST_LETTERS = 45
"""From so many letters and digits in a row on, about sixty characters of text, an answer repeats what it was told."""

_LEAST_LETTERS = 12
"""What is held back once as many have come: people say shorter runs by chance all the time."""

_LEAST_PUBLIC_LETTERS = 24
"""A shorter run, such as a name, does not become public because the public words hold it too."""

_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]{1,1000})[\"\u201d]")


class RevealGuard:
    """Lets a text through that holds no long run of the secret words, whatever their case, spaces and marks.

    What the public words hold as well may be said. The beginning of a run is held back until it has ended.
    """

    def __init__(self, secret: str, public: Iterable[str]) -> None:
        self._secret = _letters(secret)
        self._public = "\n".join(_letters(text) for text in public)
        self._grams = frozenset(_grams(self._secret, _LEAST_LETTERS))
        self._newest = ""
        self._run = ""
        self._held: list[str] = []

    def add(self, text: str) -> str:
        """Take in the next piece and return what is no part of a run.

        Raises:
            ContentRefused: the text repeats the secret words.
        """
        shown = []
        for character in text:
            self._held.append(character)
            for letter in _letters(character):
                self._read(letter)
            if not self._run:
                shown.append("".join(self._held))
                self._held.clear()
        return "".join(shown)

    def end(self) -> str:
        """Return what was held back: a run that stayed short."""
        held = "".join(self._held)
        self._held.clear()
        return held

    def _read(self, letter: str) -> None:
        self._newest = (self._newest + letter)[-_LEAST_LETTERS:]
        run = self._run + letter if self._run else self._newest
        while len(run) >= _LEAST_LETTERS and not self._is_secret(run):
            run = run[1:]
        self._run = run if len(run) >= _LEAST_LETTERS else ""
        if len(self._run) >= MOST_LETTERS and self._secret_letters() >= MOST_LETTERS:
            raise ContentRefused

    def _secret_letters(self) -> int:
        """Return how many letters of the run do not stand in the public words."""
        public: set[int] = set()
        for at, gram in enumerate(_grams(self._run, _LEAST_PUBLIC_LETTERS)):
            if gram in self._public:
                public.update(range(at, at + _LEAST_PUBLIC_LETTERS))
        return len(self._run) - len(public)

    def _is_secret(self, run: str) -> bool:
        # The newest letters first: nearly always that one look is enough.
        return run[-_LEAST_LETTERS:] in self._grams and run in self._secret


def quoted(text: str) -> list[str]:
    """Return what stands in quotation marks: words that an owner wants to be said are no secret."""
    return _QUOTED.findall(text)


def _grams(letters: str, size: int) -> Iterable[str]:
    return (letters[at : at + size] for at in range(len(letters) - size + 1))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
