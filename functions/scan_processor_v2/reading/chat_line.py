"""Lines of chat exports and comment threads: their senders, and lines that belong to the page."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from functions.scan_processor_v2.reading.columns import field_of
from functions.scan_processor_v2.reading.line_name import NOT_PEOPLE
from shared.contacts.phones import valid_number

OWN = frozenset(["you", "me", "ikaw", "ako", "admin", "you sent", "sent by you", "page", "seller"])
"""Names of the exporter in exports; the exporter is no prospect."""

_CARD_WORDS = frozenset(["begin", "end", "version", "fn", "n", "org", "tel", "adr", "http", "https"])
_NAME_MARKS = frozenset(";=/<>?@!")
MAX_SENDER = 60
_MAX_SENDER_WORDS = 6

_DAY = (
    r"(?:\d{1,4}[/.-]\d{1,2}[/.-]\d{2,4}"
    r"|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2}(?:,? \d{4})?,?"
    r"|\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?(?: \d{4})?,?"
    r"|yesterday|today|kahapon|kanina)"
)
_TIME = r"\d{1,2}:\d{2}(?::\d{2})?[ \u202f]?(?:[ap]\.?m\.?)?"
_STAMP = rf"(?:{_DAY}(?:,| at| ng)?[ \u202f]+)*{_TIME}"
_STAMPED = re.compile(
    rf"[\u200e\u200f]?(?:\[ ?{_STAMP} ?\]|\({_STAMP}\)|{_STAMP})[ ]*[-\u2013\u2014:]?[ ]*", re.IGNORECASE
)
_STAMP_ALONE = re.compile(
    rf"(?:{_DAY}|(?:{_DAY}(?:,| at)?[ \u202f]+)?{_TIME}|{_DAY}(?:,| at) {_TIME})", re.IGNORECASE
)
_SENT = re.compile(rf"(?P<sender>[^:\n]{{1,{MAX_SENDER}}}?)[ ]*:(?!//)[ ]*(?P<text>.*)")
_HEADED = re.compile(rf"(?P<sender>[^\[\n]{{2,{MAX_SENDER}}}), \[{_STAMP}\]", re.IGNORECASE)

_AGO = r"(?:just now|now|\d{1,3} ?(?:s|m|min|mins|h|hr|hrs|d|w|mo|y)\b(?: ago)?)"
_BUTTON = (
    r"like|love|care|haha|wow|reply|shares?|comments?|follow|following|connect|message|add friend|confirm"
    r"|delete|remove|edited|author|top fan|see more|see translation|hide|report|view profile|active now|seen|online"
    r"|friends|all friends|mutual friends|most relevant|all comments|newest|write a comment|write a reply|pending"
    r"|invite|unfollow|send message|add as friend|tumugon|gusto|ibahagi|admin|moderator|new member|rising star"
    r"|\d+ (?:mutual friends?|mutual|replies|reply|likes?|comments?|shares?|reactions?|followers|connections?)"
    r"|view (?:\d+|more|all|previous) ?(?:more )?(?:replies|comments)?|\d+ of \d+|1st|2nd|3rd"
)
# Atomic, so that a line of a hundred buttons and one more letter fails without backtracking.
_PAGE = re.compile(rf"(?:(?>(?:{_BUTTON}|{_AGO}|\d{{1,3}})(?!\w))[ \u00b7\u2022|,.+]*+)++", re.IGNORECASE)
_MAX_PAGE = 120
_OURS = re.compile(r"author|you sent|you replied.*|admin", re.IGNORECASE)


class ChatMessage(NamedTuple):
    """A message in a log: its sender, or None in a line with only a time, and its text."""

    sender: str | None
    text: str


def message_with_time(line: str) -> ChatMessage | None:
    """Return the message of a line that begins with a time, as in exports of WhatsApp and Viber, else None."""
    stamp = _STAMPED.match(line)
    if stamp is None or not line[stamp.end() :].strip():
        return None
    sent = _SENT.fullmatch(line[stamp.end() :].strip())
    if sent is None or not is_sender(sent["sender"]):
        return ChatMessage(None, line[stamp.end() :].strip())
    return ChatMessage(sent["sender"].strip(), sent["text"].strip())


def sender_in_heading(line: str) -> str | None:
    """Return the sender of a heading line with a time, as in exports of Telegram, else None."""
    head = _HEADED.fullmatch(line)
    return head["sender"].strip() if head is not None else None


def message_with_sender(line: str) -> ChatMessage | None:
    """Return the message of a line of the form «sender: text», else None."""
    message = _SENT.fullmatch(line)
    if message is None or not is_sender(message["sender"]):
        return None
    return ChatMessage(message["sender"].strip(), message["text"].strip())


def is_sender(words: str) -> bool:
    """Return whether the words can be a sender: a name of a few words, or a number."""
    name = words.strip(" ~")
    if is_own(name):
        return True
    words_of_name = name.casefold().split()
    if len(words_of_name) > _MAX_SENDER_WORDS or not (NOT_PEOPLE | _CARD_WORDS).isdisjoint(words_of_name):
        return False
    if field_of(name) is not None or not _NAME_MARKS.isdisjoint(name):
        return False
    return valid_number(name) is not None or (name[:1].isupper() and not any(map(str.isdigit, name)))


def is_own(sender: str) -> bool:
    """Return whether the sender is the exporter."""
    return sender.casefold() in OWN


def is_dialogue(lines: Iterable[str]) -> bool:
    """Return whether lines of the form «sender: text» are a chat: a sender occurs twice, or the exporter occurs.

    If one of them is a labelled name, they are the entries of a form.
    """
    senders = Counter[str]()
    for line in lines:
        message = _SENT.fullmatch(line)
        if message is not None and field_of(message["sender"]) == "name":
            return False
        if message is not None and message["text"].strip() and is_sender(message["sender"]):
            senders[message["sender"].strip()] += 1
    return any(times > 1 or is_own(sender) for sender, times in senders.items())


def is_page(line: str) -> bool:
    """Return whether a line belongs to the page: buttons, counts, a time."""
    return len(line) <= _MAX_PAGE and bool(_PAGE.fullmatch(line) or _STAMP_ALONE.fullmatch(line))


def is_ours(line: str) -> bool:
    """Return whether a line of the page says that its owner wrote what follows."""
    return _OURS.fullmatch(line) is not None
