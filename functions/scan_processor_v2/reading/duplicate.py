"""Empty and duplicate records are removed before anything is paid for them."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from functions.scan_processor_v2.reading.record import Record

# 16 bytes of hash for each record kept: 100,000 records take 10 MB, whatever they hold.
_HASH_BYTES = 16


def deduplicated(records: Iterable[Record], counts: Counter[str]) -> Iterator[Record]:
    """Yield the records without empty and repeated ones; the positions do not change.

    Adds the removed ones to `counts`, as `empty` and `duplicates`. Case and spacing are ignored.
    """
    seen: set[bytes] = set()
    for record in records:
        words = _words(record)
        if not words:
            counts["empty"] += 1
            continue
        mark = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()
        if mark in seen:
            counts["duplicates"] += 1
            continue
        seen.add(mark)
        yield record


def _words(record: Record) -> str:
    """Return all words of a record in one form, or of an image its data."""
    if record.source == "image":
        return f"image {record.position}"
    if not any(map(str.isalnum, "".join((*record.fields.values(), record.text)))):
        return ""
    content = "\n".join((*(f"{name}\t{value}" for name, value in sorted(record.fields.items())), record.text))
    return " ".join(content.casefold().split())
