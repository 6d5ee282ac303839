"""Links in a model's answer: links of the owner's own data stay, all others are removed."""

import re
from collections.abc import Iterable, Mapping

_DOT = "[.\u3002\uff0e\uff61]"
# Bounded, as domain names are: matching must not take quadratic time.
_DOMAIN = rf"(?:[\w-]{{1,63}}{_DOT}){{1,12}}(?:xn--[\w-]{{1,59}}|[^\W\d_]{{2,24}})"
_LINK = re.compile(
    rf"""
      (?<![\w+.-])[a-z][a-z0-9+.-]{{0,20}}:[/\\]+\S*
    | [/\\]{{2,}}\S+
    | (?<!\w)(?:javascript|vbscript|data:\w+/)\S*
    | (?<![\w.%+-])(?:mailto:)?[\w.%+-]+@{_DOMAIN}
    | (?<![\w-])(?P<domain>{_DOMAIN})(?::\d{{1,5}})?(?P<path>[/?\#\\]\S*)?
    | (?<![\w.-])(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![\w.])(?::\d{{1,5}})?(?:[/?\#\\]\S*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TRAILING = ".,;:!?'\"*_~`()[]{}<>\u00bb\u201d\u2019\u2026"
_SCHEME = re.compile(r"(?:https?:|mailto:)?[/\\]*", re.IGNORECASE)
_HOST_END = re.compile(r"[/?#\\]")
_TAG_OPENS = re.compile(r"<(?=[A-Za-z/!?])")
_SPACE = re.compile(r"\s")
_TOKEN = re.compile(r"(\s*)(\S+)(?=\s)")
_LAST_TOKEN = re.compile(r"(\s*)(\S+)\s*\Z")
_WRAPPING = str.maketrans("", "", "()[]{}<>\"'*_~`@-\u2013\u2014:;,/\\|\u201c\u201d\u2018\u2019\u00ab\u00bb")
_ENDING = frozenset(".!?\u2026")

# A word after a full stop without a space looks like a domain: of the longer endings only these count as domains.
_LONGER = """
com net org edu gov mil int info biz name pro mobi asia app dev page link site online website web shop store club xyz
top live life world today group company agency email cloud host space tech digital blog news media click vip win bet
casino loan finance money cash bank pay fun icu buzz work works team chat social zip mov one ltd inc global network
services solutions center support help guru tips deals promo sale discount buy market business health care clinic fit
beauty academy school training events
"""
_ENDINGS = frozenset(_LONGER.split())
_TWO_LETTERS = 2
# Tagalog words that begin a sentence; some are country codes too, but rarely used.
_SHORT_WORDS = frozenset({"sa", "na", "ng", "ba", "si", "mo", "ni", "pa", "at"})
_MAX_ROUNDS = 8


def links_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the canonical links of the texts, and for pages also their hosts."""
    found = [canonical(match.group()) for text in texts for match in _LINK.finditer(text)]
    hosts = [_HOST_END.split(link)[0] for link in found if "@" not in link]
    return frozenset(link for link in (*found, *hosts) if link)


def canonical(link: str) -> str:
    """Return a link in the form for comparison: no scheme, no `www.`, no trailing marks, the host in lower case."""
    text = _SCHEME.sub("", link.rstrip(_TRAILING + "/"), count=1)
    end = _HOST_END.search(text)
    host, rest = (text, "") if end is None else (text[: end.start()], text[end.start() :])
    return re.sub(_DOT, ".", host).lower().removeprefix("www.") + rest


class LinkFilter:
    """Passes an answer word by word, without links that are not allowed.

    A word is held back until the white space after it arrives, and white space until the next word arrives, so that
    the answer neither begins nor ends with white space.
    """

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._held = ""
        self._last = ""

    def add(self, text: str) -> str:
        """Add the next chunk and return the complete words."""
        self._held += text
        # Only white space completes a word.
        return self._words(_TOKEN) if _SPACE.search(text) else ""

    def end(self) -> str:
        """Return the last word."""
        return self._words(_LAST_TOKEN)

    def _words(self, token: re.Pattern[str]) -> str:
        shown, at = [], 0
        while (match := token.match(self._held, at)) is not None:
            shown.append(self._shown(match[1], match[2]))
            at = match.end()
        self._held = self._held[at:]
        return "".join(shown)

    def _shown(self, space: str, word: str) -> str:
        cleaned = self._cleaned(word)
        if cleaned != word and not cleaned.translate(_WRAPPING).strip(".!?\u2026"):
            # The word was only a link: of the marks around it only the end of a sentence stays.
            ends = self._last.isalnum() and cleaned[-1:] in _ENDING
            space, cleaned = "", cleaned[-1:] if ends else ""
        if not cleaned:
            return ""
        if not self._last:
            space = ""
        self._last = cleaned[-1]
        return space + cleaned

    def _cleaned(self, word: str) -> str:
        """Return the word without foreign links, repeatedly, because removing one may join the halves of another."""
        for _ in range(_MAX_ROUNDS):
            cleaned = _TAG_OPENS.sub("", _LINK.sub(self._replacement, word))
            if cleaned == word:
                return word
            word = cleaned
        return ""

    def _replacement(self, match: re.Match[str]) -> str:
        link = match.group()
        if canonical(link) in self._allowed:
            return link
        rest = link[len(link.rstrip(_TRAILING)) :]
        if match["domain"] is not None and match["path"] is None and _is_sentence_end(match["domain"]):
            return re.sub(rf"({_DOT})", r"\1 ", link[: len(link) - len(rest)]) + rest
        return rest


def _is_sentence_end(domain: str) -> bool:
    """Return whether the dot of a domain is really a full stop without a space after it."""
    labels = re.split(_DOT, domain)
    if labels[0].lower() == "www" or domain.lower().startswith("xn--"):
        return False
    last, before = labels[-1], labels[-2]
    is_upper = len(before) > 1 and before.isupper()
    if (last[0].isupper() and last[1:].islower() and not is_upper) or "".join(labels[:-1]).isdecimal():
        return True
    if last in _SHORT_WORDS:
        return True
    return len(last) > _TWO_LETTERS and last.lower() not in _ENDINGS and not last.lower().startswith("xn--")


def strings(value: object) -> Iterable[str]:
    """Yield every text in a JSON value, without the names of fields."""
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from strings(item)
        case list() | tuple():
            for item in value:
                yield from strings(item)
