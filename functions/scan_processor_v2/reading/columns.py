"""The fields of a table's columns: by headers in English or Tagalog, or by the cells if there is no header."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from functions.scan_processor_v2.reading.line_name import in_order, line_name
from shared.contacts.emails import listed_addresses
from shared.contacts.phones import valid_number

Columns = Mapping[int, str]
"""The fields of columns by number; a column without a field is part of a record's text."""

FIELDS = (
    "name",
    "first_name",
    "middle_name",
    "last_name",
    "email",
    "phone",
    "company",
    "position",
    "address",
    "notes",
)

_NAMED = {
    "first_name": [
        "first name",
        "first",
        "fname",
        "firstname",
        "given name",
        "given names",
        "unang pangalan",
    ],
    "middle_name": ["middle name", "middle", "middlename", "middle initial", "mi", "gitnang pangalan"],
    "last_name": ["last name", "last", "lname", "lastname", "surname", "family name", "apelyido", "apilyido"],
    "name": [
        *(
            "prospect",
            "prospects",
            "customer",
            "client",
            "lead",
            "author",
            "sender",
            "commenter",
            "from",
            "fn",
        ),
        *("contact person", "kliyente", "customers", "clients", "fullname", "tao", "friend"),
    ],
    "email": ["mail", "gmail", "e mail"],
    "phone": [
        *(
            "number",
            "numbers",
            "num",
            "cp",
            "cel",
            "cell",
            "contact no",
            "contact number",
            "contact num",
            "contact nos",
        ),
        *("contact #", "contact details number", "numero", "telepono", "selpon", "selfon"),
    ],
    "company": [
        *(
            "company",
            "kumpanya",
            "kompanya",
            "employer",
            "organization",
            "organisation",
            "workplace",
            "work place",
        ),
        *("pinagtatrabahuhan", "pinapasukan", "agency", "business"),
    ],
    "position": [
        *("position", "posisyon", "title", "job title", "job", "occupation", "trabaho", "hanapbuhay", "work"),
        *("profession", "role", "designation"),
    ],
    "address": [
        *(
            "address",
            "tirahan",
            "city",
            "location",
            "lugar",
            "province",
            "probinsya",
            "barangay",
            "brgy",
            "lungsod",
        ),
        *("siyudad", "bayan", "home address", "complete address"),
    ],
    "notes": [
        *(
            "notes",
            "note",
            "comment",
            "comments",
            "remarks",
            "remark",
            "puna",
            "komento",
            "message",
            "mensahe",
            "details",
        ),
        *("tala", "detalye", "text", "content", "status", "interest", "interests"),
    ],
}
_FIELD_OF = {header: field for field, headers in _NAMED.items() for header in headers}

_LABELS = frozenset(["label", "type", "id", "count", "date", "time", "url", "link", "uri", "owner", "source"])
_EMAIL = frozenset(["email", "emails", "mail", "gmail", "emailadd"])
_PHONE = frozenset(
    [
        *(
            "phone",
            "phones",
            "mobile",
            "cellphone",
            "cell",
            "cel",
            "cp",
            "tel",
            "telephone",
            "telepono",
            "numero",
        ),
        *(
            "selpon",
            "selfon",
            "viber",
            "whatsapp",
            "landline",
            "mobilephone",
            "phonenumber",
            "celphone",
            "fone",
        ),
    ]
)
_COMPANY = frozenset(
    ["company", "kumpanya", "kompanya", "organization", "organisation", "employer", "business"]
)
_NAME = frozenset(["name", "names", "pangalan", "ngalan", "fullname"])
_OTHER_NAMES = frozenset(
    [
        "campaign",
        "ad",
        "adset",
        "form",
        "file",
        "product",
        "user",
        "username",
        "page",
        "group",
        "sheet",
        "agent",
        "event",
    ]
)
MAX_HEADER_LETTERS = 60
_CONTACT = re.compile(r"@\w|\d{5}|\d{3}[\s-]\d{3}")
_SAMPLE_SHARE = 0.5


def field_of(header: str) -> str | None:
    """Return the field of a header, or None."""
    words = _plain(header)
    if not words or len(header) > MAX_HEADER_LETTERS:
        return None
    if words in _FIELD_OF:
        return _FIELD_OF[words]
    parts = frozenset(words.split())
    if parts & _LABELS:
        return None
    return _by_words(words, parts)


def _by_words(words: str, parts: frozenset[str]) -> str | None:
    if parts & _EMAIL or "e mail" in words:
        return "email"
    if parts & _PHONE:
        return "phone"
    if parts & _COMPANY:
        return "company"
    for field in ("first_name", "middle_name", "last_name"):
        if any(header in words for header in _NAMED[field] if " " in header):
            return field
    return "name" if parts & _NAME and not parts & _OTHER_NAMES else None


def _plain(header: str) -> str:
    """Return a header in lower case without accents, punctuation and numbers: "E-mail 1" is "e mail"."""
    bare = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().casefold()
    return " ".join(re.sub(r"[^a-z]+", " ", re.sub(r"([a-z])_(?=[a-z])", r"\1 ", bare)).split())


def is_header(cells: Sequence[str], below: Sequence[str] = ()) -> bool:
    """Return whether a row is a header: it has two known names, or only known ones, and no contact.

    One known name is enough if the row below has contacts and this row has no person.
    """
    named = [cell for cell in cells if cell.strip()]
    known = sum(field_of(cell) is not None for cell in named)
    if not known or any(_CONTACT.search(cell) for cell in named):
        return False
    if known >= 2 or known == len(named):  # noqa: PLR2004  # one may be a person's trade
        return True
    contacts = any(_CONTACT.search(cell) for cell in below)
    return contacts and not any(line_name(cell, lower_case=False) for cell in named)


def columns_by_header(cells: Sequence[str]) -> Columns:
    """Return the fields of a header; of several columns for one field the first counts."""
    columns: dict[int, str] = {}
    for number, cell in enumerate(cells):
        field = field_of(cell)
        if field is not None and field not in columns.values():
            columns[number] = field
    taken = set(columns.values())
    # Beside an "Apelyido", "Pangalan" is the given name.
    if "last_name" in taken and "first_name" not in taken:
        return {number: "first_name" if field == "name" else field for number, field in columns.items()}
    return columns


def columns_by_cells(rows: Sequence[Sequence[str]]) -> Columns:
    """Return the fields by the form of most cells in a column."""
    kinds: dict[str, Counter[int]] = {"email": Counter(), "phone": Counter(), "name": Counter()}
    filled: Counter[int] = Counter()
    for row in rows:
        for number, cell in enumerate(row):
            kind = _kind(cell)
            filled[number] += bool(cell.strip())
            if kind is not None:
                kinds[kind][number] += 1
    columns: dict[int, str] = {}
    for kind, counts in kinds.items():
        number, most = max(counts.items(), key=lambda pair: (pair[1], -pair[0]), default=(0, 0))
        if most and most >= filled[number] * _SAMPLE_SHARE:
            columns[number] = kind
    return columns


def _kind(cell: str) -> str | None:
    words = cell.strip()
    if "@" in words:
        return "email" if any(found.start == 0 for found in listed_addresses(words)) else None
    if any(character.isdigit() for character in words):
        return "phone" if valid_number(words) else None
    name = line_name(in_order(words), lower_case=False)
    return "name" if name is not None and name.alone else None
