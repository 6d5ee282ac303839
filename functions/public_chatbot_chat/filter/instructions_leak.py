"""Detects answers that repeat the instructions of a chat, by comparing letters."""

import re
import unicodedata
from collections.abc import Iterable

from shared.errors import ContentRefused

LEAK_LETTERS = 45
"""So many consecutive letters and digits of the instructions (about sixty characters) are a leak."""

_MIN_LETTERS = 12
"""Runs of this length are held back; shorter ones occur by chance all the time."""

_MIN_PUBLIC_LETTERS = 24
"""A shorter run, such as a name, does not count as public even if the public texts contain it."""

_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]{1,1000})[\"\u201d]")


class LeakGuard:
    """Passes a text that contains no long run of the secret text, ignoring case, spaces and punctuation.

    Words of the public texts may be shown. The beginning of a run is held back until the run has ended.
    """

    def __init__(self, secret: str, public: Iterable[str]) -> None:
        self._secret = _letters(secret)
        self._public = "\n".join(_letters(text) for text in public)
        self._grams = frozenset(_grams(self._secret, _MIN_LETTERS))
        self._newest = ""
        self._run = ""
        self._held: list[str] = []

    def add(self, text: str) -> str:
        """Add the next chunk and return the text that is not part of a run.

        Raises:
            ContentRefused: the text repeats the secret text.
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
        """Return the text that was held back: a run that ended too short for a leak."""
        held = "".join(self._held)
        self._held.clear()
        return held

    def _read(self, letter: str) -> None:
        self._newest = (self._newest + letter)[-_MIN_LETTERS:]
        run = self._run + letter if self._run else self._newest
        while len(run) >= _MIN_LETTERS and not self._is_secret(run):
            run = run[1:]
        self._run = run if len(run) >= _MIN_LETTERS else ""
        if len(self._run) >= LEAK_LETTERS and self._secret_letters() >= LEAK_LETTERS:
            raise ContentRefused

    def _secret_letters(self) -> int:
        """Return how many letters of the run are not in the public texts."""
        public: set[int] = set()
        for at, gram in enumerate(_grams(self._run, _MIN_PUBLIC_LETTERS)):
            if gram in self._public:
                public.update(range(at, at + _MIN_PUBLIC_LETTERS))
        return len(self._run) - len(public)

    def _is_secret(self, run: str) -> bool:
        # The newest letters first: that test is nearly always enough.
        return run[-_MIN_LETTERS:] in self._grams and run in self._secret


def quoted(text: str) -> list[str]:
    """Return the quoted parts of a text: words that the owner wants to be said are not secret."""
    return _QUOTED.findall(text)


def _grams(letters: str, size: int) -> Iterable[str]:
    return (letters[at : at + size] for at in range(len(letters) - size + 1))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
