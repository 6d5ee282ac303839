"""The contact details of a visitor, read from his messages by rules.

Each value has the place it was read from. The latest valid statement wins; one that adds a value ("my other number
is …") does not replace an earlier one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from shared.contacts.companies import company_statements
from shared.contacts.emails import email_statements
from shared.contacts.names import name_statements, nickname_statements, spelling_statements
from shared.contacts.phones import phone_statements
from shared.contacts.statement import Found, Statement

# A longer message is pasted text; its rest is not searched for contacts.
READ_CHARACTERS = 4_000
RESEMBLANCE = 0.6

Reader = Callable[[str], Iterable[Statement]]


@dataclass(frozen=True, slots=True)
class Lead:
    """The known contact details of a visitor: phone as E.164, e-mail domain in lower case, the rest as written."""

    name: Found | None = None
    email: Found | None = None
    phone: Found | None = None
    company: Found | None = None

    @property
    def reachable(self) -> bool:
        """Return whether an e-mail address or a phone number is known."""
        return self.email is not None or self.phone is not None


NO_LEAD = Lead()


def find_lead(messages: Sequence[str], known: Lead = NO_LEAD) -> Lead:
    """Return the lead after these messages of the visitor, in order. Never raises.

    Reading the same messages again, with the result as `known`, changes nothing.
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
    """Return the value after a message: its first statement, or the last one that corrects it."""
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
    """Return the name after a message; a part of the known name does not replace it, nor does a nickname."""
    stated = _latest(None, name_statements, text, index)
    if stated is not None and (known is None or not _is_part(stated.value, known.value)):
        known = stated
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
