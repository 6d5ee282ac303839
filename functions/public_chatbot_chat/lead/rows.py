"""What a visitor's words come to: the scores of the session and the contact that may become a prospect."""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.public_chatbot_chat.lead.contact import Lead, find_lead
from functions.public_chatbot_chat.lead.qualification import qualify
from shared.contacts.said import Found

MOST_CHARS = 8_000
"""What is read at once of a session whose lead is not known: reading costs up to 40 ms a thousand characters."""


def lead_rows(chat: Mapping[str, Any]) -> dict[str, Any]:
    """Return scores, emotional state and lead for the settlement, from the visitor's own messages alone."""
    said = [str(text) for text in chat["visitor_messages"]]
    judged = qualify(said)
    settings = chat["settings"]
    threshold = settings.get("auto_qualify_threshold")
    converts = settings.get("auto_convert_to_prospect") is not False
    reached = judged.qualification >= (0.7 if threshold is None else float(threshold))
    return {
        "qualification_score": judged.qualification,
        "buying_intent": judged.buying_intent,
        "emotional_state": judged.emotional_state,
        "qualified": converts and reached,
        "lead": _contact(find_lead(_unread(said, chat["lead"]), _known(chat["lead"]))),
    }


def _unread(said: Sequence[str], stored: Mapping[str, Any] | None) -> Sequence[str]:
    """Return the messages that no lead was read from yet: the newest, or as many as one reading may cost."""
    if stored is not None:
        return said[-1:]
    unread: list[str] = []
    for text in reversed(said):
        if unread and sum(map(len, unread)) + len(text) > MOST_CHARS:
            break
        unread.insert(0, text)
    return unread


def _known(stored: Mapping[str, Any] | None) -> Lead:
    """Return what earlier messages told."""
    if stored is None:
        return Lead()
    found = {
        name: None if stored.get(name) is None else Found(stored[name])
        for name in ("email", "phone", "company")
    }
    name = None if stored.get("full_name") is None else Found(stored["full_name"])
    return Lead(name=name, **found)


def _contact(lead: Lead) -> dict[str, Any] | None:
    found = {"full_name": lead.name, "email": lead.email, "phone": lead.phone, "company": lead.company}
    values = {name: item.value for name, item in found.items() if item is not None}
    if not values:
        return None
    return {
        **values,
        "said": {
            name: list(item.said)
            for name, item in found.items()
            if item is not None and item.said is not None
        },
    }
