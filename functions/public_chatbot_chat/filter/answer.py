"""What of a model's answer may leave: plain words, the owner's own links, and none of the instructions."""

from collections.abc import Sequence

from functions.public_chatbot_chat.filter.instructions_leak import RevealGuard
from functions.public_chatbot_chat.filter.links import LinkFilter
from functions.public_chatbot_chat.filter.markup import MarkupFilter


class AnswerFilter:
    """Three filters one behind the other; however the answer is cut into pieces, the same text leaves."""

    def __init__(self, secret: str, public: Sequence[str], links: frozenset[str]) -> None:
        self._markup = MarkupFilter()
        self._links = LinkFilter(links)
        self._guard = RevealGuard(secret, public)

    def add(self, text: str) -> str:
        """Take in the next piece and return what may leave of what has come.

        Raises:
            ContentRefused: the answer repeats the instructions.
        """
        return self._guard.add(self._links.add(self._markup.add(text)))

    def end(self) -> str:
        """Return the rest; raises as `add` does."""
        rest = self._links.add(self._markup.end()) + self._links.end()
        return self._guard.add(rest) + self._guard.end()
