"""The rows of a visitor's lead: the scores of the session, and the contact that may become a prospect."""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.public_chatbot_chat.lead.contact import Lead, find_lead
from functions.public_chatbot_chat.lead.qualification import qualify
from shared.contacts.statement import Found

MAX_CHARS = 8_000
"""The limit of one reading for a session without a stored lead: 1,000 characters take up to 40 ms."""


def lead_rows(chat: Mapping[str, Any]) -> dict[str, Any]:
    """Return scores, emotional state and lead for the settlement, from the visitor's own messages only."""
    texts = [str(text) for text in chat["visitor_messages"]]
    scores = qualify(texts)
    settings = chat["settings"]
    threshold = settings.get("auto_qualify_threshold")
    converts = settings.get("auto_convert_to_prospect") is not False
    reached = scores.qualification >= (0.7 if threshold is None else float(threshold))
    return {
        "qualification_score": scores.qualification,
        "buying_intent": scores.buying_intent,
        "emotional_state": scores.emotional_state,
        "qualified": converts and reached,
        "lead": _contact(find_lead(_unread(texts, chat["lead"]), _known(chat["lead"]))),
    }


def _unread(texts: Sequence[str], stored: Mapping[str, Any] | None) -> Sequence[str]:
    """Return the messages that no lead was read from yet: the newest one, or as many as fit into one reading."""
    if stored is not None:
        return texts[-1:]
    unread: list[str] = []
    for text in reversed(texts):
        if unread and sum(map(len, unread)) + len(text) > MAX_CHARS:
            break
        unread.insert(0, text)
    return unread


def _known(stored: Mapping[str, Any] | None) -> Lead:
    """Return the lead of earlier messages."""
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
            name: list(item.span)
            for name, item in found.items()
            if item is not None and item.span is not None
        },
    }
