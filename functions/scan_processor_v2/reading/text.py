"""Pasted text as records: chat exports, comment threads, lists, forms, and other text.

A record is what one person wrote, or a line about one person.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from functions.scan_processor_v2.reading.chat_line import (
    is_dialogue,
    is_ours,
    is_own,
    is_page,
    message_with_sender,
    message_with_time,
    sender_in_heading,
)
from functions.scan_processor_v2.reading.columns import field_of
from functions.scan_processor_v2.reading.enumeration import people_apart
from functions.scan_processor_v2.reading.line_name import line_name, name_behind_contact
from functions.scan_processor_v2.reading.record import Record, Source, parts
from functions.scan_processor_v2.reading.table import csv_records, is_table
from shared.contacts.emails import listed_addresses
from shared.contacts.phones import listed_numbers, valid_number
from shared.errors import InvalidRequest

_UNSEEN = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\ufe0f\0"), "")
_LABELLED = re.compile(r"(?P<label>[^\W\d_][\w .#()/'-]{1,28}?)(?:;[^:]*)?[ \t]*[:=][ \t]*(?P<value>\S.*)")
_NEXT_LABEL = re.compile(r"[ \t]*[;,|][ \t]*(?=[^\W\d_][\w .-]{1,24}?[ \t]*[:=][ \t]*\S)")
# "Financial Advisor at Sun Life" below a name is that person's job.
_HEADLINE = re.compile(r"\b(?:at|of|sa)[ \t]+[A-Z0-9]|[ \t]@[ \t]")
_CARD_EDGE = re.compile(r"(?:begin|end):vcard|version:[\d.]+|[-=_*~\s]{3,}", re.IGNORECASE)
_KEPT_FIELDS = frozenset(["name", "first_name", "last_name", "email", "phone", "company", "position"])
_BLANKS = re.compile(r"[ \t\u00a0\u202f]+")
_FEW_LETTERS = 12
_HEAD = 300
"""How much of a line is searched for a name at its beginning."""


@dataclass(slots=True)
class Draft:
    """A record while it is being read."""

    source: Source
    fields: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    open: bool = True


def text_records(text: str) -> Iterator[Record]:
    """Yield the records of a pasted text in order; all messages of one sender are one record. Never raises.

    If all lines seem to belong to the page or the exporter, the whole text is one record, so that no text gives none.
    A record of more than 2,000 characters is split into parts with the same fields.
    """
    lines = text.translate(_UNSEEN).splitlines()
    rows = _rows(lines)
    if rows is not None:
        yield from rows
        return
    position = 0
    drafts = Reader(lines).drafts()
    if not drafts and any(map(str.isalnum, text)):
        drafts = [Draft("line", {}, [line for line in lines if line.strip()])]
    for draft in drafts:
        for part in parts(draft.lines):
            yield Record(position, part, dict(draft.fields), draft.source)
            position += 1


def _rows(lines: list[str]) -> list[Record] | None:
    """Return the records of a pasted table, or None if the text is no table or an invalid one."""
    if not is_table(lines):
        return None
    try:
        return list(csv_records("\n".join(lines).encode("utf-8", "replace")))
    except InvalidRequest:
        return None


class Reader:
    """Reads the lines once and assigns each to a record by its kind."""

    def __init__(self, lines: list[str]) -> None:
        # Runs of blanks have no meaning and would make the patterns slow.
        self._lines = [_BLANKS.sub(" ", line).strip() for line in lines]
        self._dialogue = is_dialogue(self._lines)
        self._drafts: list[Draft] = []
        self._senders: dict[str, Draft] = {}
        self._current: Draft | None = None
        self._silent = False
        self._adjacent = False

    def drafts(self) -> list[Draft]:
        """Return the records of all lines, without those of the exporter and of the page."""
        for line in self._lines:
            if not line:
                self._blank()
                continue
            if not (self._page(line) or self._message(line) or self._labels(line)):
                self._words(line)
            self._adjacent = True
        return self._drafts

    def _blank(self) -> None:
        """End the open record, unless it is a name that still waits for its text."""
        self._silent = self._adjacent = False
        if self._current is not None and (len(self._current.lines) > 1 or self._current.source == "line"):
            self._current = None

    def _page(self, line: str) -> bool:
        if is_ours(line):
            self._current, self._silent = None, True
            return True
        if _CARD_EDGE.fullmatch(line):
            self._current, self._adjacent = None, False
            return True
        return is_page(line)

    def _message(self, line: str) -> bool:
        """Handle a line of a chat export, with or without a time; return whether it was one."""
        sender = sender_in_heading(line)
        if sender is not None:
            self._from(sender)
            return True
        message = message_with_time(line)
        if message is not None and message.sender is None:
            # A system message, or another line that begins with a time.
            return bool(self._senders)
        if message is None and self._dialogue:
            message = message_with_sender(line)
        if message is None or message.sender is None:
            return False
        self._from(message.sender)
        if message.text and self._current is not None:
            self._current.lines.append(message.text)
        return True

    def _from(self, sender: str) -> None:
        """Continue with the record of this sender; the exporter's own messages are skipped."""
        self._silent = is_own(sender)
        self._current = None if self._silent else self._sender(sender)

    def _sender(self, sender: str) -> Draft:
        name = " ".join(sender.strip("~ ").split())
        draft = self._senders.get(name.casefold())
        if draft is None:
            known = {"phone" if valid_number(name) is not None else "name": name}
            draft = self._senders[name.casefold()] = Draft("message", known)
            self._drafts.append(draft)
        return draft

    def _labels(self, line: str) -> bool:
        """Handle «label: value», once or several times in a line, as in forms and cards; return whether it was that."""
        pairs = [_LABELLED.fullmatch(part) for part in _NEXT_LABEL.split(line)]
        fields = [(field_of(pair["label"]), pair["value"].strip()) for pair in pairs if pair is not None]
        if not fields or fields[0][0] is None or len(fields) < len(pairs):
            return False
        for name, value in fields:
            draft = self._labelled(name or "")
            if name in _KEPT_FIELDS and draft.source == "line":
                draft.fields[name or ""] = value
            if line not in draft.lines:
                draft.lines.append(line)
        return True

    def _labelled(self, name: str) -> Draft:
        """Return the record of a labelled value: the one above it, or a new one if that already has such a value."""
        current = self._current or (self._drafts[-1] if self._adjacent and self._drafts else None)
        if current is None or name in current.fields:
            return self._begin(Draft("line"))
        return current

    def _begin(self, draft: Draft) -> Draft:
        self._drafts.append(draft)
        self._current = draft
        self._silent = False
        return draft

    def _words(self, line: str) -> None:
        """Handle any other line: it starts a record if it begins with a name, else it continues the open one."""
        if self._silent and not self._heads(line):
            return
        in_chat = self._current is not None and self._current.source == "message"
        several = [] if in_chat else people_apart(line)
        if several:
            self._drafts += [Draft("line", {"name": person.name}, [person.words]) for person in several]
            self._current = None
            return
        head = line[:_HEAD]
        headline = in_chat and _HEADLINE.search(head) is not None
        name = None if headline else line_name(head, lower_case=not in_chat) or name_behind_contact(head)
        if name is not None and name.alone and name.value[0].isupper():
            self._from(name.value)
            if self._current is not None and not self._current.lines:
                self._current.lines.append(line)
        elif name is not None and not name.alone:
            self._begin(Draft("line", {"name": name.value}, [line]))
            self._current = None
        elif self._current is not None:
            self._current.lines.append(line)
        elif not self._is_contact_of_last(line):
            self._drafts.append(Draft("line", {}, [line]))

    def _heads(self, line: str) -> bool:
        name = line_name(line[:_HEAD], lower_case=False)
        return name is not None and name.alone

    def _is_contact_of_last(self, line: str) -> bool:
        """Add a line that is little more than a contact to the person above it; return whether it was one."""
        if len(line) > _HEAD:
            return False
        found = [*listed_numbers(line), *listed_addresses(line)]
        rest = len(line) - sum(statement.end - statement.start for statement in found)
        if not found or rest > _FEW_LETTERS or not self._drafts:
            return False
        self._drafts[-1].lines.append(line)
        return True
