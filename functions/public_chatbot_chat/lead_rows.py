"""What a visitor's words come to: the scores of the session and the contact that may become a prospect."""

from collections.abc import Mapping
from typing import Any

from functions.public_chatbot_chat.leads import Lead, find_lead
from functions.public_chatbot_chat.qualification import qualify


def lead_rows(chat: Mapping[str, Any]) -> dict[str, Any]:
    """Give scores, emotional state and lead for the settlement, from the visitor's own messages alone."""
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
        "lead": _contact(find_lead(said)),
    }


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
