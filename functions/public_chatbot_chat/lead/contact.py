"""The contact details that a visitor gave in a chat: read by rules, never invented.

Every value comes with the words it was read from. The latest valid statement wins; what is offered beside an earlier
one ("my other number is …") does not replace it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from shared.contacts.companies import company_statements
from shared.contacts.emails import email_statements
from shared.contacts.names import name_statements, nickname_statements, spelling_statements
from shared.contacts.phones import phone_statements
from shared.contacts.said import Found, Statement

# Who writes more in one message has pasted something; the rest of it is not read for contacts.
READ_CHARACTERS = 4_000
RESEMBLANCE = 0.6

Reader = Callable[[str], Iterable[Statement]]


@dataclass(frozen=True, slots=True)
class Lead:
    """What is known of a visitor: the phone as E.164, the e-mail's domain in lower case, the rest as written."""

    name: Found | None = None
    email: Found | None = None
    phone: Found | None = None
    company: Found | None = None

    @property
    def reachable(self) -> bool:
        """Whether there is a way to reach the visitor."""
        return self.email is not None or self.phone is not None


NOBODY = Lead()


def find_lead(messages: Sequence[str], known: Lead = NOBODY) -> Lead:
    """Return what the visitor's own messages, in order, tell beyond what is known. Never raises.

    Reading the same messages again, with the result as what is known, changes nothing.
    """
    lead = known
    for index, message in enumerate(messages):
        text = message[:READ_CHARACTERS]
        lead = Lead(
            name=_name(lead.name, text, index),
            email=_latest(lead.email, email_statements, text, index),
            phone=_latest(lead.phone, phone_statements, text, index),
            company=_latest(lead.company, company_statements, text, index),
        )
    return lead


def _latest(known: Found | None, reader: Reader, text: str, index: int) -> Found | None:
    """Return what stands after a message: its first statement, or the last that corrects."""
    chosen: Statement | None = None
    for statement in reader(text):
        if chosen is None or _replaces(statement, chosen):
            chosen = statement
    if chosen is None or (known is not None and (chosen.adds or chosen.value == known.value)):
        return known
    return chosen.found(index)


def _replaces(later: Statement, chosen: Statement) -> bool:
    return later.start >= chosen.end and replace(later, since=max(later.since, chosen.end)).corrects


def _name(known: Found | None, text: str, index: int) -> Found | None:
    """Return the name after a message: a part of the known name does not shorten it, a nickname only fills a gap."""
    said = _latest(None, name_statements, text, index)
    if said is not None and (known is None or not _is_part(said.value, known.value)):
        known = said
    if known is None:
        return _latest(None, nickname_statements, text, index)
    for statement in spelling_statements(text):
        if statement.value != known.value and _resembles(statement.value, known.value):
            return statement.found(index)
    return known


def _is_part(name: str, whole: str) -> bool:
    return set(name.lower().split()) <= set(whole.lower().split())


def _resembles(name: str, other: str) -> bool:
    return SequenceMatcher(None, name.lower(), other.lower()).ratio() >= RESEMBLANCE
