"""What `make dev` shows of the functions' log: one line for each request, and all errors."""

import json
from collections.abc import Mapping
from typing import Any

LOUD = frozenset(("warning", "error", "critical"))


def line_for(raw: str) -> str | None:
    """Return the line to show for one line of the functions' output; None if only the log file gets it."""
    text = raw.strip()
    if not text:
        return None
    try:
        entry = json.loads(text)
    except ValueError:
        return text
    if not isinstance(entry, dict) or "event" not in entry:
        return text
    if entry["event"] == "request.finished":
        return request_line(entry)
    return event_line(entry) if str(entry.get("level", "")).lower() in LOUD else None


def request_line(entry: Mapping[str, Any]) -> str:
    """Return time, function, status, model, tokens, cost, energy and milliseconds of one request."""
    clock = str(entry.get("at", ""))[11:19]
    outcome = str(entry.get("status", "?"))
    if entry.get("code"):
        outcome += f" {entry['code']}"
    parts = [f"{clock:8}", f"{entry.get('function', '?'):20}", outcome, *measures(entry)]
    return "  ".join(parts)


def measures(entry: Mapping[str, Any]) -> list[str]:
    """Return the measured values, each with its unit; values that are missing are omitted."""
    shown = []
    if entry.get("model"):
        shown.append(str(entry["model"]))
    if entry.get("tokens") is not None:
        shown.append(f"{entry['tokens']} tokens")
    if entry.get("cost_usd") is not None:
        shown.append(f"${entry['cost_usd']}")
    if entry.get("energy") is not None:
        shown.append(f"{entry['energy']} energy")
    if entry.get("ms") is not None:
        shown.append(f"{round(float(entry['ms']))} ms")
    return shown


def event_line(entry: Mapping[str, Any]) -> str:
    """Return the line of an event that the user should see: its level, its name and its fields."""
    fields = {name: value for name, value in entry.items() if name not in ("at", "level", "event")}
    shown = " ".join(f"{name}={value}" for name, value in fields.items())
    return f"{str(entry.get('at', ''))[11:19]:8}  {str(entry['level']).upper()} {entry['event']} {shown}".rstrip()
