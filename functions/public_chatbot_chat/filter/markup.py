"""Markup in a model's answer: removed while the answer arrives; its words stay."""

import re

# Control characters, surrogates, and characters that change the writing direction or are invisible.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_OPENING = re.compile(r"!(?=\[|\Z)|\[|<")
_TAG = re.compile(r"<([A-Za-z/!?][^<>]{0,500})>")
_OPEN_TAG = re.compile(r"<(?:[A-Za-z/!?][^<>]{0,500})?")
_TAG_OPENS = re.compile(r"<[A-Za-z/!?]")
_BLOCK = re.compile(r"/?(?:br|p|div|li|ul|ol|tr|h[1-6]|table)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+|\S+@\S+")
_LINK = re.compile(
    r"!?\[(?P<words>[^\[\]]{0,300})\]\([ \t]*<?(?P<address>[^()\s<>]{0,1000})>?(?:[ \t]+[\"'][^()]{0,200})?[ \t]*\)"
)
_OPEN_LINK = re.compile(r"!?(?:\[(?:[^\[\]]{0,300}(?:\](?:\([^()]{0,1300})?)?)?)?")


def showable(text: str) -> str:
    """Return the text without invisible characters, which can change how others look."""
    return _INVISIBLE.sub("", text)


class MarkupFilter:
    """Removes tags, and writes a Markdown link as its words and its address in parentheses.

    What may still become a tag or a link is held back, so the result does not depend on how the text is cut.
    """

    def __init__(self) -> None:
        self._held = ""

    def add(self, text: str) -> str:
        """Add the next chunk and return the text that is decided."""
        self._held += showable(text)
        return self._decided(ended=False)

    def end(self) -> str:
        """Return the rest."""
        return self._decided(ended=True)

    def _decided(self, *, ended: bool) -> str:
        decided = []
        while self._held:
            opening = _OPENING.search(self._held)
            if opening is None:
                decided.append(self._held)
                self._held = ""
                break
            decided.append(self._held[: opening.start()])
            self._held = self._held[opening.start() :]
            literal = self._tag(ended=ended) if self._held[0] == "<" else self._link(ended=ended)
            if literal is None:
                break
            decided.append(literal)
        return "".join(decided)

    def _tag(self, *, ended: bool) -> str | None:
        """Remove a tag from the held text and return its replacement, or None while the tag may be incomplete."""
        whole = _TAG.match(self._held)
        if whole is not None:
            self._held = self._held[whole.end() :]
            if _ADDRESS.fullmatch(whole[1]):
                return whole[1]
            return "\n" if _BLOCK.match(whole[1]) else ""
        if not ended and _OPEN_TAG.fullmatch(self._held):
            return None
        opens = _TAG_OPENS.match(self._held)
        self._held = self._held[1:]
        return "" if opens else "<"

    def _link(self, *, ended: bool) -> str | None:
        """Replace a link by its words and address, to be parsed again; return None while it may be incomplete."""
        whole = _LINK.match(self._held)
        if whole is not None:
            words, address = whole["words"].strip(), whole["address"]
            shown = words if words == address or not address else f"{words} ({address})"
            self._held = shown + self._held[whole.end() :]
            return ""
        if not ended and _OPEN_LINK.fullmatch(self._held):
            return None
        literal, self._held = self._held[0], self._held[1:]
        return literal
