"""Values for single fields of a structured answer, from the field's name and the bounds of its schema."""

import math
import re
from collections.abc import Callable
from typing import Any

from local.provider import prose
from local.provider.data import words
from local.provider.reading import HOPE_WORDS, PAIN_WORDS, Reading, Record, is_name

Schema = dict[str, Any]
_HOT, _WARM = 70, 50
_TITLE_LENGTH = 60
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]*\w")
_PHONE = re.compile(r"\+?\d[\d ()-]{7,}\d")
_FORMATS = {
    "date": "2026-11-22",
    "time": "09:00:00Z",
    "date-time": "2026-11-22T09:00:00Z",
    "email": "prospect@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
}
_SPOKEN = {"message", "response", "reply", "script", "content", "body", "text", "opening", "suggestion"}
_WRITERS: tuple[tuple[set[str], Callable[[Reading, int], str]], ...] = (
    ({"cta", "ask"}, prose.invite),
    ({"time", "times"}, prose.time),
    ({"question", "questions"}, prose.ask),
    ({"alternative", "alternatives"}, lambda reading, index: prose.write(reading, index + 1)),
    (_SPOKEN, prose.write),
)


def natural_count(reading: Reading, name: str) -> int | None:
    """Return how many spans the prompt has for an array that quotes it; None for an array that does not."""
    spans = _quoted(reading, set(words(name)))
    return None if spans is None else len(spans)


def choice(options: list[Any], reading: Reading, name: str, index: int) -> Any:  # noqa: ANN401
    """Return the option that fits the score or that the prompt names, else the options in turn."""
    by_score = "hot" if reading.score >= _HOT else "warm" if reading.score >= _WARM else "cold"
    if by_score in options:
        return by_score
    label = re.escape(name)
    for option in (option for option in options if isinstance(option, str)):
        if re.search(rf"(?i)\b{label}\W{{1,5}}{re.escape(option)}\b", reading.everything):
            return option
    named = [option for option in options if isinstance(option, str) and _says(reading, option)]
    return named[0] if named else options[index % len(options)]


def _says(reading: Reading, option: str) -> bool:
    return re.search(rf"(?i)\b{re.escape(option)}\b", "\n".join(reading.said)) is not None


def number(schema: Schema, reading: Reading, name: str, index: int, *, whole: bool) -> int | float:
    """Return a number inside the bounds: a score, a rising step or day, or one that the prompt sets."""
    low, high = _bounds(schema, whole=whole)
    value = min(max(_wish(reading, name, index, high), low), high)
    step = schema.get("multipleOf")
    if step:
        value = math.ceil(low / step) * step if value < low else math.floor(value / step) * step
        value = value + step if value < low else value
    return round(value) if whole else round(value, 6)


def _bounds(schema: Schema, *, whole: bool) -> tuple[float, float]:
    little = 1 if whole else 0.001
    low = schema.get("minimum", -math.inf)
    high = schema.get("maximum", math.inf)
    if "exclusiveMinimum" in schema:
        low = max(low, schema["exclusiveMinimum"] + little)
    if "exclusiveMaximum" in schema:
        high = min(high, schema["exclusiveMaximum"] - little)
    return (math.ceil(low), math.floor(high)) if whole and math.isfinite(low + high) else (low, high)


def _wish(reading: Reading, name: str, index: int, high: float) -> float:
    parts = set(words(name))
    if name == "record" and reading.about_one is not None:
        return reading.about_one.number or 0
    if parts & {"score", "confidence", "percent", "probability", "rating", "intent", "likelihood"}:
        return reading.score / 100 if high <= 1 else reading.score * min(high, 100) / 100
    if parts & {"day", "days", "delay"}:
        return index * 2
    if parts & {"step", "slide", "index", "order", "number", "position", "rank"}:
        return index + 1
    asked = reading.number_of(words(name)[-1]) if parts else None
    return index + 1 if asked is None else asked


def string(schema: Schema, reading: Reading, name: str, index: int) -> str:
    """Return a text that fits the field's name, within the schema's length, format and pattern."""
    text = _text(reading, name, index)
    kind = schema.get("format")
    if kind in _FORMATS:
        found = _EMAIL.search(reading.everything) if kind == "email" else None
        text = found.group() if found else _FORMATS[kind]
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, text):
        text = next(
            (known for known in (*_FORMATS.values(), "09:00", "1", "a") if re.search(pattern, known)), text
        )
    text = prose.shorten(text, schema["maxLength"]) if "maxLength" in schema else text
    return text.ljust(schema.get("minLength", 0), ".")


def _text(reading: Reading, name: str, index: int) -> str:
    parts = set(words(name))
    if reading.seen and "transcript" in parts:
        return "\n".join(reading.seen)
    if reading.about_one is not None and (known := _recorded(reading.about_one, name, parts)) is not None:
        return known
    if is_name(name):
        return reading.name or ""
    for wanted, pattern in (({"email"}, _EMAIL), ({"phone", "mobile"}, _PHONE)):
        if parts & wanted:
            found = pattern.search(reading.everything)
            return found.group() if found else ""
    if parts & {"language"}:
        return reading.language
    quoted = _quoted(reading, parts)
    return quoted[index % len(quoted)] if quoted else _composed(reading, name, parts, index)


def _recorded(record: Record, name: str, parts: set[str]) -> str | None:
    """Return a numbered record's value for a field, "" where the record has none; None for fields to be composed."""
    if is_name(name):
        return record.name
    if name in record.given:
        return record.given[name]
    for wanted, pattern in (({"email"}, _EMAIL), ({"phone", "mobile"}, _PHONE)):
        if parts & wanted:
            found = pattern.search(record.note)
            return found.group() if found else ""
    return "" if parts & {"company"} else None


def _quoted(reading: Reading, parts: set[str]) -> tuple[str, ...] | None:
    """Return the exact spans of the prompt for a field that quotes it; None for other fields."""
    pains, hopes = reading.holding(PAIN_WORDS), reading.holding(HOPE_WORDS)
    if parts & {"pain", "pains", "worries", "objections"} and "handle" not in parts:
        return pains
    if parts & {"interest", "interests", "opportunity", "opportunities", "buying", "signals", "hopes"}:
        return hopes
    if parts & {"evidence", "quote", "quotes", "note", "notes", "source"}:
        return tuple(dict.fromkeys((*pains, *hopes, *reading.spans)))
    if parts & {"keyword", "keywords", "tag", "tags"}:
        return reading.found(PAIN_WORDS + HOPE_WORDS)
    return None


def _composed(reading: Reading, name: str, parts: set[str], index: int) -> str:
    if parts & {"subject", "title", "headline"}:
        title = prose.shorten(f"{reading.name or 'Para sa iyo'}: {prose.quote(reading)}", _TITLE_LENGTH)
        return title + prose.numbered(index, 1)
    if parts & {"tone", "emotion", "mood"}:
        return "warm"
    for wanted, write in _WRITERS:
        if parts & wanted:
            return write(reading, index)
    label = " ".join(words(name)).capitalize() or "Sagot"
    return prose.remark(reading, label) + prose.numbered(index, 1)
