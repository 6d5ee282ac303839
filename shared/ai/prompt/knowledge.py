"""What a prompt may contain of a workspace and a prospect: listed fields, within a budget of bytes."""

from collections.abc import Mapping
from typing import Any

from shared.ai.prompt.template import fitted
from shared.supabase.configuration import Configuration

COMPANY_BYTES = 4_000
PRODUCTS_BYTES = 6_000
VOICE_BYTES = 1_500
PROSPECT_BYTES = 4_000

# No contact details: no text needs them, so no provider gets them.
_PROSPECT_FIELDS = (
    "full_name", "company", "position", "platform", "bio_text", "source", "pipeline_stage", "lead_temperature",
    "buying_intent_score", "tags",
)  # fmt: skip
_CONTACTS = frozenset(
    [
        "email",
        "emails",
        "phone",
        "phones",
        "phone_number",
        "mobile",
        "telephone",
        "contact",
        "contacts",
        "contact_details",
    ]
)


def workspace_data(configuration: Configuration) -> dict[str, Any]:
    """Return company, products and voice as data, without empty fields."""
    sections = configuration.sections
    workspace = _mapping(sections.get("workspace"))
    company = {**_mapping(workspace.get("company")), **_mapping(sections.get("company"))}
    company.pop("id", None)
    intelligence = _mapping(sections.get("intelligence"))
    data = {
        "seller": fitted(sections.get("profile"), VOICE_BYTES),
        "company": fitted(company, COMPANY_BYTES),
        "products": fitted(sections.get("products"), PRODUCTS_BYTES),
        "voice": fitted(
            {"tone": workspace.get("tone_profile"), "brand": intelligence.get("brand_voice")}, VOICE_BYTES
        ),
    }
    return {name: value for name, value in data.items() if value}


def prospect_data(prospect: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the fields of a prospect that a prompt may contain."""
    if prospect is None:
        return None
    record = {name: prospect.get(name) for name in _PROSPECT_FIELDS}
    record["metadata"] = _without_contacts(_mapping(prospect.get("metadata")))
    fit: dict[str, Any] | None = fitted(record, PROSPECT_BYTES)
    return fit


def _without_contacts(value: Any) -> Any:  # noqa: ANN401  # any part of a jsonb value
    """Return the value without fields of contact details, at any depth."""
    if isinstance(value, Mapping):
        return {
            name: _without_contacts(item) for name, item in value.items() if name.lower() not in _CONTACTS
        }
    return [_without_contacts(item) for item in value] if isinstance(value, list) else value


def custom_instructions(configuration: Configuration) -> str:
    """Return the owner's instructions for the AI, at most 4,000 characters: only the owner's words may instruct."""
    texts = list(configuration.sections.get("instructions") or [])
    workspace = _mapping(configuration.sections.get("workspace"))
    texts += [
        value for value in _mapping(workspace.get("custom_instructions")).values() if isinstance(value, str)
    ]
    return "\n".join(texts)[:4000]


def preferred_language(configuration: Configuration) -> str | None:
    """Return the language that is set for the workspace, or None."""
    settings = _mapping(configuration.sections.get("ai_settings"))
    workspace = _mapping(configuration.sections.get("workspace"))
    for value in (settings.get("language"), _mapping(workspace.get("tone_profile")).get("language")):
        if isinstance(value, str) and value:
            return value
    return None


def preferred_tone(configuration: Configuration) -> str | None:
    """Return the tone that is set for the workspace, or None."""
    settings = _mapping(configuration.sections.get("ai_settings"))
    workspace = _mapping(configuration.sections.get("workspace"))
    for value in (settings.get("tone"), _mapping(workspace.get("tone_profile")).get("tone")):
        if isinstance(value, str) and value:
            return value
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a jsonb value if it is a mapping, else an empty one: browsers can write any JSON into these columns."""
    return value if isinstance(value, Mapping) else {}
