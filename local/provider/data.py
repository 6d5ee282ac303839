"""Finds JSON in a prompt's text, and the parts of it that are about the prospect."""

import json
import re
from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]

_SPELLED = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PERSONAL = {"prospect", "prospects", "lead", "client", "visitor", "customer", "contact", "record", "records"}
_FOREIGN = {
    "seller",
    "owner",
    "agent",
    "sender",
    "user",
    "profile",
    "workspace",
    "company",
    "product",
    "products",
    "voice",
    "brand",
    "business",
    "chatbot",
    "bot",
    "file",
}


def words(name: str) -> list[str]:
    """Return the words of a property's name: `coachingTip`, `coaching_tip` -> coaching, tip."""
    return [word.lower() for word in _SPELLED.findall(name)]


def is_personal(path: Path) -> bool:
    """Return whether a path in the data is about a prospect, by its names."""
    return any(_PERSONAL & set(words(name)) for name in path)


def is_foreign(path: Path) -> bool:
    """Return whether a path in the data is about the seller, the company or a product."""
    return not is_personal(path[:1]) and any(_FOREIGN & set(words(name)) for name in path)


def split(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the text without the JSON objects in it, and those objects."""
    decoder, plain, found, done = json.JSONDecoder(), [], [], 0
    start = text.find("{")
    while start != -1:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        plain.append(text[done:start])
        found.append(value)
        start, done = text.find("{", end), end
    return "".join([*plain, text[done:]]), found


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every string in a JSON value with the names above it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)


def objects(value: object, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every object in the lists of a JSON value with the names above it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from objects(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield path, item


def quotable(found: list[dict[str, Any]]) -> list[str]:
    """Return the strings about the prospect if there are any, else all but those about the seller and the products."""
    strings = [(path, text) for value in found for path, text in leaves(value) if not is_foreign(path)]
    personal = [text for path, text in strings if is_personal(path)]
    return personal or [text for _, text in strings]
