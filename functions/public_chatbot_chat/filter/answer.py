"""The filter of a model's answer: plain text, only the owner's links, and nothing of the instructions."""

from collections.abc import Sequence

from functions.public_chatbot_chat.filter.instructions_leak import LeakGuard
from functions.public_chatbot_chat.filter.links import LinkFilter
from functions.public_chatbot_chat.filter.markup import MarkupFilter


class AnswerFilter:
    """Three filters in sequence; the result does not depend on how the answer is cut into chunks."""

    def __init__(self, secret: str, public: Sequence[str], links: frozenset[str]) -> None:
        self._markup = MarkupFilter()
        self._links = LinkFilter(links)
        self._guard = LeakGuard(secret, public)

    def add(self, text: str) -> str:
        """Add the next chunk and return the text that may be shown so far.

        Raises:
            ContentRefused: the answer repeats the instructions.
        """
        return self._guard.add(self._links.add(self._markup.add(text)))

    def end(self) -> str:
        """Return the rest; raise as `add` does."""
        rest = self._links.add(self._markup.end()) + self._links.end()
        return self._guard.add(rest) + self._guard.end()
